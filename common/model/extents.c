/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/extents.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/model/names.h"

#define EXAMPLE_EXTENT 320 /* of an axis of which nothing is known, in a sentence that shows how to state it */

/* A symbol's extent, and which input was stated with it. */
typedef struct symbol {
        uint32_t extent, input;
} symbol_t;

typedef struct extents {
        const Onnx__ValueInfoProto *const *inputs;
        uint32_t n;
        const hedge_input_shape_t **stated; /* per input; NULL: nothing is */
        hedge_names_t *names;               /* of symbols */
        symbol_t *symbols;
        uint32_t n_symbols;
        hedge_why_t *why;
} extents_t;

static const char *name_of(const extents_t *x, uint32_t input)
{
        return x->inputs[input]->name ? x->inputs[input]->name : "";
}

/* NULL: the file gives the input no shape. */
static const Onnx__TensorShapeProto *shape_of(const extents_t *x, uint32_t input)
{
        return x->inputs[input]->type->tensor_type->shape;
}

/* The extent that the file fixes; 0: it is open. */
static int64_t fixed(const Onnx__TensorShapeProto__Dimension *d)
{
        return d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE && d->dim_value > 0 ? d->dim_value
                                                                                                         : 0;
}

/* NULL: it has none. */
static const char *symbol_of(const Onnx__TensorShapeProto__Dimension *d)
{
        bool symbolic = d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;

        return symbolic && d->dim_param && d->dim_param[0] ? d->dim_param : NULL;
}

static const symbol_t *find_symbol(const extents_t *x, const Onnx__TensorShapeProto__Dimension *d)
{
        const char *name = symbol_of(d);
        uint32_t number = name ? hedge_names_find(x->names, name) : HEDGE_NO_NAME;

        return number == HEDGE_NO_NAME ? NULL : &x->symbols[number];
}

/* What the file says of every input is within bounds. Counts symbols. */
static int check_file(extents_t *x, uint32_t *ret_symbols)
{
        uint64_t symbols = 0;

        for (uint32_t i = 0; i < x->n; i++) {
                const Onnx__TensorShapeProto *shape = shape_of(x, i);

                if (shape && shape->n_dim > HEDGE_MAX_RANK)
                        return hedge_why(x->why, HEDGE_EUNSUPPORTED, "the input '%.100s' has more than %u axes",
                                         name_of(x, i), HEDGE_MAX_RANK);
                for (size_t a = 0; shape && a < shape->n_dim; a++) {
                        if (fixed(shape->dim[a]) > INT32_MAX)
                                return hedge_why(x->why, HEDGE_ELIMIT, "the input '%.100s' has an extent of %lld",
                                                 name_of(x, i), (long long)shape->dim[a]->dim_value);
                        symbols += symbol_of(shape->dim[a]) ? 1 : 0;
                }
        }
        if (symbols > INT32_MAX)
                return hedge_why(x->why, HEDGE_ELIMIT, "the model's inputs have too many symbols");
        *ret_symbols = (uint32_t)symbols;
        return 0;
}

/* Names come from messages and command lines, where what is not printable ASCII is '?'. */
static bool is_called(const char *name, const char *stated)
{
        for (; *name && *stated; name++, stated++)
                if (*name != *stated && (*stated != '?' || (*name >= 32 && *name < 127)))
                        return false;
        return !*name && !*stated;
}

static int no_such_input(const extents_t *x, const char *stated)
{
        char names[300];
        size_t used = 0;

        names[0] = '\0';
        for (uint32_t i = 0; i < x->n && used < sizeof(names); i++)
                used += (size_t)snprintf(names + used, sizeof(names) - used, "%s'%.60s'", i ? ", " : "", name_of(x, i));
        if (!stated[0])
                return hedge_why(x->why, HEDGE_ESHAPE,
                                 "a shape without a name is for a model of one input; here it is %s",
                                 x->n ? names : "none");
        return hedge_why(x->why, HEDGE_ESHAPE, "a shape is stated for '%.100s', which is no input of the model%s%s",
                         stated, x->n ? ": it has " : "", names);
}

/* Which input every stated shape is for. */
static int assign(extents_t *x, const hedge_input_shape_t *stated, uint32_t n_stated)
{
        for (uint32_t s = 0; s < n_stated; s++) {
                uint32_t i = 0;

                while (i < x->n && stated[s].name[0] && !is_called(name_of(x, i), stated[s].name))
                        i++;
                if (i == x->n || (!stated[s].name[0] && x->n != 1))
                        return no_such_input(x, stated[s].name);
                if (x->stated[i])
                        return hedge_why(x->why, HEDGE_ESHAPE, "two shapes are stated for the input '%.100s'",
                                         name_of(x, i));
                x->stated[i] = &stated[s];
        }
        return 0;
}

/* A stated extent beside the file's axis. */
static int agree(extents_t *x, uint32_t input, uint32_t axis, uint32_t extent)
{
        const Onnx__TensorShapeProto__Dimension *d = shape_of(x, input)->dim[axis];
        const symbol_t *known = find_symbol(x, d);

        if (fixed(d) && fixed(d) != extent)
                return hedge_why(
                        x->why, HEDGE_ESHAPE,
                        "axis %u of the input '%.100s' is %lld in the model's file, %u cannot be stated for it", axis,
                        name_of(x, input), (long long)fixed(d), extent);
        if (known && known->extent != extent)
                return hedge_why(
                        x->why, HEDGE_ESHAPE,
                        "axis %u of the input '%.80s' is '%.80s', which is %u for the input '%.80s' and %u here", axis,
                        name_of(x, input), symbol_of(d), known->extent, name_of(x, known->input), extent);
        if (symbol_of(d) && !known) {
                x->symbols[x->n_symbols] = (symbol_t){ extent, input };
                hedge_names_add(x->names, symbol_of(d), x->n_symbols++);
        }
        return 0;
}

static int take_stated(extents_t *x, uint32_t input)
{
        const Onnx__TensorShapeProto *shape = shape_of(x, input);
        const hedge_shape_t *stated = &x->stated[input]->shape;
        char text[80];
        int r = 0;

        if (stated->rank > HEDGE_MAX_RANK || (shape && shape->n_dim != stated->rank))
                return hedge_why(x->why, HEDGE_ESHAPE,
                                 "the input '%.100s' has %zu axes in the model's file, the stated shape %.80s has %u",
                                 name_of(x, input), shape ? shape->n_dim : HEDGE_MAX_RANK,
                                 stated->rank > HEDGE_MAX_RANK ? "" : hedge_shape_text(stated, text, sizeof(text)),
                                 stated->rank);
        for (uint32_t a = 0; r == 0 && a < stated->rank; a++) {
                if (stated->dims[a] < 1 || stated->dims[a] > INT32_MAX)
                        r = hedge_why(x->why, HEDGE_ESHAPE, "an extent of %u is stated for the input '%.100s'",
                                      stated->dims[a], name_of(x, input));
                else if (shape)
                        r = agree(x, input, a, stated->dims[a]);
        }
        return r;
}

/* Is a word of a symbol, "seq" of "Seq_len" or "h" of "image.H", in the list? */
static bool has_word(const char *symbol, const char *const *words)
{
        for (size_t n; *symbol; symbol += n ? n : 1) {
                for (n = 0; isalpha((unsigned char)symbol[n]);)
                        n++;
                for (const char *const *word = words; n && *word; word++)
                        if (strlen(*word) == n && strncasecmp(symbol, *word, n) == 0)
                                return true;
        }
        return false;
}

/* The first of several axes, unless the file calls it something else: a picture may begin with its rows, a sound with time. */
static bool may_be_batch(const Onnx__TensorShapeProto__Dimension *d)
{
        static const char *const batch[] = { "batch", "batchsize", "bs", "n", NULL };
        static const char *const other[] = { "h",      "height", "w",       "width",    "row",    "rows",     "col",
                                             "cols",   "c",      "channel", "channels", "seq",    "sequence", "len",
                                             "length", "time",   "t",       "frame",    "frames", "samples",  NULL };
        const char *symbol = symbol_of(d);

        return !symbol || has_word(symbol, batch) || !has_word(symbol, other);
}

/* An open extent that nobody stated; 0: it has to be. */
static uint32_t derive(const extents_t *x, const Onnx__TensorShapeProto *shape, uint32_t axis)
{
        const symbol_t *known = find_symbol(x, shape->dim[axis]);

        if (known)
                return known->extent;
        return axis == 0 && shape->n_dim > 1 && may_be_batch(shape->dim[0]) ? 1 : 0;
}

/* The sentence that asks: which input, which axes, and how to say it. */
static int ask(const extents_t *x, uint32_t input, const hedge_shape_t *found)
{
        const Onnx__TensorShapeProto *shape = shape_of(x, input);
        hedge_shape_t example = *found;
        char axes[240], text[80];
        size_t used = 0;

        axes[0] = '\0';
        for (uint32_t a = 0; a < found->rank; a++) {
                const char *symbol = symbol_of(shape->dim[a]);

                if (found->dims[a])
                        continue;
                example.dims[a] = EXAMPLE_EXTENT;
                used += (size_t)snprintf(axes + used, sizeof(axes) - used, "%saxis %u%s%.24s%s", used ? ", " : "", a,
                                         symbol ? " ('" : "", symbol ? symbol : "", symbol ? "')" : "");
        }
        return hedge_why(x->why, HEDGE_ESHAPE,
                         "the model leaves open how large its input '%.80s' is (%s): state its shape, as in --shape "
                         "%.60s=%s",
                         name_of(x, input), axes, name_of(x, input), hedge_shape_text(&example, text, sizeof(text)));
}

/* The shape of an input for which nothing is stated. */
static int complete(const extents_t *x, uint32_t input, hedge_shape_t *ret)
{
        const Onnx__TensorShapeProto *shape = shape_of(x, input);
        bool all = true;

        if (!shape)
                return hedge_why(x->why, HEDGE_ESHAPE,
                                 "the model does not say which shape its input '%.100s' has: state it, as in --shape "
                                 "%.60s=1x3x%ux%u",
                                 name_of(x, input), name_of(x, input), EXAMPLE_EXTENT, EXAMPLE_EXTENT);
        *ret = (hedge_shape_t){ .rank = (uint32_t)shape->n_dim };
        for (uint32_t a = 0; a < ret->rank; a++) {
                int64_t extent = fixed(shape->dim[a]);

                ret->dims[a] = extent ? (uint32_t)extent : derive(x, shape, a);
                all = all && ret->dims[a];
        }
        return all ? 0 : ask(x, input, ret);
}

static uint32_t open_of(const extents_t *x, uint32_t input, uint32_t rank)
{
        const Onnx__TensorShapeProto *shape = shape_of(x, input);
        uint32_t open = 0;

        for (uint32_t a = 0; a < rank; a++)
                open |= !shape || !fixed(shape->dim[a]) ? UINT32_C(1) << a : 0;
        return open;
}

static int settle(extents_t *x, hedge_shape_t *shapes, uint32_t *open)
{
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < x->n; i++)
                if (x->stated[i])
                        r = take_stated(x, i);
        for (uint32_t i = 0; r == 0 && i < x->n; i++) {
                if (x->stated[i])
                        shapes[i] = x->stated[i]->shape;
                else
                        r = complete(x, i, &shapes[i]);
                if (r == 0)
                        open[i] = open_of(x, i, shapes[i].rank);
        }
        return r;
}

int hedge_extents_settle(const Onnx__ValueInfoProto *const *inputs, uint32_t n, const hedge_input_shape_t *stated,
                         uint32_t n_stated, hedge_shape_t *shapes, uint32_t *open, hedge_why_t *why)
{
        extents_t x = { .inputs = inputs, .n = n, .why = why };
        uint32_t symbols = 0;
        int r = check_file(&x, &symbols);

        if (r < 0)
                return r;
        x.stated = calloc(n + 1, sizeof(const hedge_input_shape_t *));
        x.symbols = calloc((size_t)symbols + 1, sizeof(*x.symbols));
        if (!x.stated || !x.symbols || hedge_names_new(symbols + 1, &x.names) < 0)
                r = hedge_why(why, -ENOMEM, "out of memory");
        if (r == 0)
                r = assign(&x, stated, n_stated);
        if (r == 0)
                r = settle(&x, shapes, open);
        hedge_names_destroy(&x.names);
        free(x.symbols);
        free(x.stated);
        return r;
}

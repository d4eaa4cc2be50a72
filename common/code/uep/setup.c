/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/uep/setup.h"

#include <errno.h>
#include <string.h>

#include "common/code/uep/expect.h"

#define MOST            3u  /* levels and classes where none are named: the paper's */
#define SEARCH_MOST     40u /* packets: the search for windows takes some 20 ms then */
#define SEARCH_LEAST    0.02
#define SEARCH_GREATEST 0.95

static unsigned least(unsigned a, unsigned b)
{
        return a < b ? a : b;
}

static unsigned levels_of(const hedge_uep_setup_t *setup, const hedge_uep_shape_t *shape)
{
        if (setup->levels || shape->split == HEDGE_UEP_COLUMN_ROW)
                return setup->levels;
        return least(MOST, least(shape->blocks_a, shape->blocks_b));
}

static unsigned classes_of(const hedge_uep_setup_t *setup, const hedge_uep_shape_t *shape)
{
        if (setup->classes)
                return setup->classes;
        if (shape->split == HEDGE_UEP_COLUMN_ROW)
                return least(MOST, hedge_uep_shape_products(shape));
        return least(MOST, 2 * levels_of(setup, shape) - 1);
}

static unsigned packets_of(const hedge_uep_setup_t *setup, unsigned products, unsigned boards)
{
        if (setup->packets)
                return setup->packets;
        switch (setup->scheme) {
        case HEDGE_UEP_UNCODED:
                return products;
        case HEDGE_UEP_REPLICATION:
                return boards < products ? products : least(boards, 2 * products);
        default:
                return least(boards, HEDGE_UEP_MAX_PACKETS);
        }
}

static int check_windows(const hedge_uep_setup_t *setup, unsigned classes, hedge_why_t *why)
{
        if (setup->n_windows == 0 || setup->n_windows == classes)
                return 0;
        if (!hedge_uep_scheme_has_windows(setup->scheme))
                return hedge_why(why, -EINVAL, "%s has no windows", hedge_uep_scheme_name(setup->scheme));
        return hedge_why(why, -EINVAL, "%u window probabilities for %u classes", setup->n_windows, classes);
}

/* Windows as given, or even. */
static int make_params(const hedge_uep_setup_t *setup, const hedge_uep_classes_t *classes, unsigned boards,
                       hedge_uep_params_t *p, hedge_why_t *why)
{
        *p = (hedge_uep_params_t){
                .scheme = setup->scheme,
                .classes = classes,
                .packets = packets_of(setup, classes->products, boards),
                .stacked = setup->stacked,
                .seed = setup->seed,
        };
        if (setup->scheme == HEDGE_UEP_MDS && !setup->packets && boards < classes->products)
                return hedge_why(why, HEDGE_ENOBOARDS,
                                 "mds needs %u packets, and %u boards with one each are too few: name a number of "
                                 "packets to give them several",
                                 classes->products, boards);
        for (unsigned i = 0; i < classes->classes; i++)
                p->windows[i] = setup->n_windows ? setup->windows[i] : 1.0 / classes->classes;
        return hedge_uep_check(p, why);
}

static int classify(const hedge_uep_setup_t *setup, const hedge_uep_shape_t *shape, const double *norms_a,
                    const double *norms_b, hedge_uep_classes_t *ret, hedge_why_t *why)
{
        int r = hedge_uep_classify(shape, norms_a, norms_b, levels_of(setup, shape), classes_of(setup, shape), ret,
                                   why);

        return r == 0 ? check_windows(setup, ret->classes, why) : r;
}

int hedge_uep_setup_check(const hedge_uep_setup_t *setup, const hedge_uep_shape_t *shape, unsigned boards,
                          hedge_why_t *why)
{
        hedge_uep_classes_t classes;
        hedge_uep_params_t params;
        double ones[HEDGE_UEP_MAX_PRODUCTS];
        int r = hedge_uep_shape_check(shape, why);

        if (r < 0)
                return r;
        for (unsigned i = 0; i < HEDGE_UEP_MAX_PRODUCTS; i++)
                ones[i] = 1;
        r = classify(setup, shape, ones, ones, &classes, why);
        return r == 0 ? make_params(setup, &classes, boards ? boards : classes.products, &params, why) : r;
}

unsigned hedge_uep_setup_boards(const hedge_uep_setup_t *setup, const hedge_uep_shape_t *shape)
{
        return setup->scheme == HEDGE_UEP_MDS && !setup->packets ? hedge_uep_shape_products(shape) : 1;
}

/* A chance of 0 or 1 is never quite true, and windows that were made for it fail where it is not. */
static int choose(hedge_uep_params_t *p, double arrived, hedge_why_t *why)
{
        if (p->classes->classes > MOST || p->packets > SEARCH_MOST)
                return 0;
        if (arrived < SEARCH_LEAST)
                arrived = SEARCH_LEAST;
        if (arrived > SEARCH_GREATEST)
                arrived = SEARCH_GREATEST;
        return hedge_uep_choose_windows(p, arrived, p->windows, why);
}

int hedge_uep_setup_resolve(const hedge_uep_setup_t *setup, const hedge_uep_shape_t *shape, const double *norms_a,
                            const double *norms_b, unsigned boards, double arrived, hedge_uep_classes_t *ret_classes,
                            hedge_uep_params_t *ret_params, hedge_why_t *why)
{
        int r = hedge_uep_shape_check(shape, why);

        if (r == 0)
                r = classify(setup, shape, norms_a, norms_b, ret_classes, why);
        if (r == 0)
                r = make_params(setup, ret_classes, boards, ret_params, why);
        if (r == 0 && hedge_uep_scheme_has_windows(setup->scheme) && setup->n_windows == 0 && arrived >= 0)
                r = choose(ret_params, arrived, why);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/support.h"

#include <stdio.h>
#include <string.h>

#include "common/model/microsoft.h"
#include "common/model/scope.h"

#define MAX_LACKS 32 /* operators that one sentence counts */

static bool of_other_domain(const Onnx__NodeProto *node)
{
        return node->domain && node->domain[0] && strcmp(node->domain, "ai.onnx") != 0;
}

const hedge_operator_t *hedge_support_find(const hedge_import_t *imp, const Onnx__NodeProto *node)
{
        const hedge_operator_t *op = NULL;

        if (!of_other_domain(node))
                op = hedge_operator_find(node->op_type);
        else if (strcmp(node->domain, HEDGE_MICROSOFT_DOMAIN) == 0)
                op = hedge_microsoft_find(node->op_type);

        return op && imp->opset >= op->since && imp->opset <= op->until ? op : NULL;
}

/* An operator that is not supported, and how many nodes have it. */
typedef struct lack {
        const Onnx__NodeProto *first;
        size_t nodes;
} lack_t;

static bool same_operator(const Onnx__NodeProto *a, const Onnx__NodeProto *b)
{
        return strcmp(a->op_type, b->op_type) == 0 &&
               strcmp(hedge_scope_text(a->domain), hedge_scope_text(b->domain)) == 0;
}

/* Count a node among n lacks. @return their number; one more than MAX_LACKS if there is no room. */
static size_t count_lack(lack_t *lacks, size_t n, const Onnx__NodeProto *node)
{
        for (size_t i = 0; i < n; i++)
                if (same_operator(lacks[i].first, node)) {
                        lacks[i].nodes++;
                        return n;
                }
        if (n < MAX_LACKS)
                lacks[n] = (lack_t){ node, 1 };
        return n + 1;
}

static int one_not_supported(const hedge_import_t *imp, const Onnx__NodeProto *n)
{
        const char *name = n->name && n->name[0] ? n->name : n->n_output > 0 ? n->output[0] : "";
        bool other = of_other_domain(n);
        const hedge_operator_t *known = other ? NULL : hedge_operator_find(n->op_type);

        if (known)
                return hedge_why(imp->why, HEDGE_EUNSUPPORTED,
                                 "operator %.60s (node '%.100s', opset %u) is not supported: what it means is known "
                                 "for opset %u to %u",
                                 n->op_type, name, imp->opset, known->since, known->until);
        return hedge_why(
                imp->why, HEDGE_EUNSUPPORTED, "operator %s%.60s%s%.60s (node '%.100s', opset %u) is not supported",
                other ? "of domain " : "", other ? n->domain : "", other ? ": " : "", n->op_type, name, imp->opset);
}

static int all_not_supported(const hedge_import_t *imp, const lack_t *lacks, size_t n)
{
        char list[400] = "";
        size_t at = 0, named = n < MAX_LACKS ? n : MAX_LACKS;

        for (size_t i = 0; i < named && at < sizeof(list); i++) {
                const Onnx__NodeProto *node = lacks[i].first;
                bool other = of_other_domain(node);

                at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%.60s%s%.60s (%zu)", i ? ", " : "",
                                       other ? node->domain : "", other ? ":" : "", node->op_type, lacks[i].nodes);
        }
        return hedge_why(imp->why, HEDGE_EUNSUPPORTED,
                         "%s%zu operators are not supported in opset %u (how many nodes have them): %s",
                         n > MAX_LACKS ? "more than " : "", named, imp->opset, list);
}

int hedge_support_check(const hedge_import_t *imp, const Onnx__GraphProto *g)
{
        lack_t lacks[MAX_LACKS];
        size_t n = 0;

        for (size_t i = 0; n <= MAX_LACKS && i < g->n_node; i++) {
                const Onnx__NodeProto *node = g->node[i];

                if (!hedge_scope_reads(imp, node))
                        continue;
                if (!node->op_type)
                        return hedge_why(imp->why, HEDGE_EMALFORMED, "node '%.100s' has no operator",
                                         hedge_scope_text(node->name));
                if (!hedge_support_find(imp, node))
                        n = count_lack(lacks, n, node);
        }
        if (n == 0)
                return 0;
        return n == 1 ? one_not_supported(imp, lacks[0].first) : all_not_supported(imp, lacks, n);
}

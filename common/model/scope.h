/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SCOPE_H
#define HEDGE_SCOPE_H

#include "common/model/import.h"

/** The names of a model: which there are, and how often each is read. */

/** Declare every value of a graph, in imp->scope (constants first, then inputs, then what nodes compute) and count its reads. Nodes whose
 * outputs lead nowhere do not count as readers. A branch inside a graph has imp->scope.outer set before.
 * @return 0, HEDGE_EMALFORMED (a name twice, or that is defined nowhere), HEDGE_ELIMIT, -ENOMEM. */
int hedge_scope_open(hedge_import_t *imp, const Onnx__GraphProto *g);

/** Free a scope's symbols and names. */
void hedge_scope_close(hedge_scope_t *scope);

/** The symbol of a name, here or further out. @return NULL: there is none. */
hedge_sym_t *hedge_scope_find(const hedge_scope_t *scope, const char *name);

/** The node has read its inputs, and what its branches mention: the constants that no one else will read are freed. */
void hedge_scope_release(hedge_import_t *imp, const Onnx__NodeProto *node);

/** The symbol of a declared name. */
hedge_sym_t *hedge_scope_sym(const hedge_import_t *imp, const char *name);

/** Does anything read one of the node's outputs? If not, the node is as good as not there. */
bool hedge_scope_reads(const hedge_import_t *imp, const Onnx__NodeProto *node);

/** The refusal of a name that has two values. */
int hedge_scope_twice(hedge_import_t *imp, const char *name);

/** A text from the file, "" where it has none. */
const char *hedge_scope_text(const char *text);

/** Names from a file, for logs and screens: what is not printable ASCII becomes '?'. `to` holds HEDGE_NAME_MAX bytes. */
void hedge_scope_printable(char *to, const char *from);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_UEP_SETUP_H
#define HEDGE_UEP_SETUP_H

#include "common/code/uep/uep.h"

/** What somebody asks for when a product is to be computed by a code of common/code/uep/uep.h, with numbers left open, and what
 * becomes of it: `hedge multiply` and the training methods uep-* alike. */
typedef struct hedge_uep_setup {
        hedge_uep_scheme_t scheme;
        unsigned levels;  /**< of importance of a factor's blocks; 0: as many as there are blocks, 3 at most */
        unsigned classes; /**< of importance of the sub-products; 0: 3, or as many as there can be */
        unsigned packets; /**< 0: one per board, within what the scheme allows; uncoded: as many as sub-products */
        bool stacked;
        uint64_t seed;
        unsigned n_windows; /**< 0: chosen for the deadline */
        double windows[HEDGE_UEP_MAX_CLASSES];
} hedge_uep_setup_t;

/** Can it be done, whatever the matrices hold?
 *
 * @param shape   Checked here too.
 * @param boards  That would compute; 0: not known yet, at least as many as are wanted.
 * @return 0, or as hedge_uep_shape_check, hedge_uep_classify and hedge_uep_check; HEDGE_ENOBOARDS: too few for a packet each,
 * where the scheme needs that. `why` has the sentence. */
int hedge_uep_setup_check(const hedge_uep_setup_t *setup, const hedge_uep_shape_t *shape, unsigned boards,
                          hedge_why_t *why);

/** The least number of boards that it can be done with: 1, or what mds needs where each board has one packet. */
unsigned hedge_uep_setup_boards(const hedge_uep_setup_t *setup, const hedge_uep_shape_t *shape);

/** Fill in what was left open.
 *
 * Windows that are left open are hedge_uep_choose_windows' for `arrived`; even where that is not known, or where the search
 * would take long (more than 3 classes or 40 packets).
 *
 * @param norms_a,norms_b  Of the blocks, see hedge_uep_norms.
 * @param boards           That will compute, at least 1.
 * @param arrived          The chance that a packet comes by the deadline; negative: not known.
 * @param ret_classes      Also written where it fails.
 * @param ret_params       Its classes are ret_classes.
 * @return as hedge_uep_setup_check; -ENOMEM. */
int hedge_uep_setup_resolve(const hedge_uep_setup_t *setup, const hedge_uep_shape_t *shape, const double *norms_a,
                            const double *norms_b, unsigned boards, double arrived, hedge_uep_classes_t *ret_classes,
                            hedge_uep_params_t *ret_params, hedge_why_t *why);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_WINOGRAD_ISA_H
#define HEDGE_WINOGRAD_ISA_H

#include <stdbool.h>
#include <stddef.h>

#include "common/conv.h"
#include "common/isa.h"

/** Inside of common/kernel: the transforms of Winograd's convolution F(m x m, 3 x 3), compiled once per instruction set.
 *
 * With points 0, +-p_1, .., +-p_k and infinity (m = 2k, tiles of n = 2k + 2) they split into even and odd halves, so one code
 * serves every m. Sources: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308); how points
 * decide the error: Barabasz et al. (arXiv 1803.10986). */

#define HEDGE_WINOGRAD_SIDE_MAX 6 /**< n of the largest tile */

/** The tiles of one call: their numbers count along rows, image by image. */
typedef struct hedge_winograd_input {
        const float *image; /**< images x in_h x in_w x in_c */
        uint32_t in_h, in_w, in_c;
        int32_t pad_top, pad_left;
        uint32_t tiles_h, tiles_w;
        size_t first;  /**< the tile whose row is row 0 of the matrices */
        float *panels; /**< n * n matrices of rows x in_c */
        size_t panel;  /**< floats from one matrix to the next */
        float *patch;  /**< n * n * in_c floats of the caller's thread */
} hedge_winograd_input_t;

typedef struct hedge_winograd_output {
        const float *panels; /**< n * n matrices of rows x out_c */
        size_t panel;
        size_t first;
        uint32_t tiles_h, tiles_w;
        uint32_t out_h, out_w, out_c;
        const float *bias; /**< out_c, or NULL */
        hedge_activation_t activation;
        float *image; /**< images x out_h x out_w x out_c */
} hedge_winograd_output_t;

typedef struct hedge_winograd_isa {
        const char *name;
        unsigned lanes; /**< floats in a vector */

        /** Transform tiles [begin, end) of the input: B^T d B. @param m 2 or 4. */
        void (*input)(unsigned m, const hedge_winograd_input_t *input, size_t begin, size_t end);

        /** Transform tiles [begin, end) of the products back, A^T M A, crop, add the bias, activate. */
        void (*output)(unsigned m, const hedge_winograd_output_t *output, size_t begin, size_t end);
} hedge_winograd_isa_t;

extern const hedge_winograd_isa_t base_winograd, avx2_winograd, avx512_winograd;

#endif

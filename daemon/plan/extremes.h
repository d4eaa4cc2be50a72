/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_EXTREMES_H
#define HEDGED_EXTREMES_H

/** The lesser and the greater of two numbers that are numbers. (fmin and fmax think of those that are not; and gcc 12 for arm64 dies of
 * loops with them.) */
static inline double hedged_lesser(double a, double b)
{
        return a < b ? a : b;
}

static inline double hedged_greater(double a, double b)
{
        return a > b ? a : b;
}

#endif

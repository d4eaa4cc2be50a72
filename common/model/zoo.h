/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_ZOO_H
#define HEDGE_ZOO_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/** Well-known networks with seeded weights, as ONNX files: something to measure with, of the real shapes, that everyone
 * can make again. They recognise nothing.
 *
 *   vgg16     1x3x224x224 -> 1000  13 convolutions, 3 fully connected layers     15.5 GMACs  553 MB
 *   resnet18  1x3x224x224 -> 1000  20 convolutions, each with BatchNormalization  1.8 GMACs   47 MB
 *   alexnet   1x3x224x224 -> 1000  5 convolutions, 3 fully connected layers       0.7 GMACs  244 MB
 *   lenet5    1x1x28x28   -> 10    3 convolutions, 2 fully connected layers       0.4 MMACs  0.2 MB
 *
 * Sources: Simonyan and Zisserman 2015, configuration D; He et al. 2016, table 1, with projections (option B) and batch
 * statistics as nodes of their own; AlexNet in the form of one tower without groups and without local response
 * normalisation (Krizhevsky 2014, "One weird trick", as torchvision has it), because every convolution of it can be
 * split and coded work is published for it, which the two groups of 2012 hinder; LeCun et al. 1998 with tanh, average
 * pooling, a full connection from the second to the third stage, and a 28 x 28 input padded by 2. All end in logits.
 * Opset 13, IR version 7, float32.
 *
 * Weights. Tensor t of the file (0, 1, ... in the order of its initialisers) has the key mix(mix(seed) + t), and its
 * element i (row-major)
 *
 *   (float)(mean + step * k),  k = the 8 unsigned 16-bit pieces of word(2 i) and word(2 i + 1), summed, - 262140
 *   word(j) = mix(key + (j + 1) * 0x9e3779b97f4a7c15)
 *   mix(z): z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9; z = (z ^ z >> 27) * 0x94d049bb133111eb; z ^ z >> 31
 *
 * (SplitMix64 by counter, modulo 2^64). k is nearly normal with deviation 53510; step = (float)(deviation / 53510).
 * step * k is exact in double, so that files are equal to the byte on every machine. Filters and fully connected weights
 * have the deviation sqrt(2 / fan in) before ReLU (He et al. 2015) and sqrt(1 / fan in) elsewhere, biases 0.05; batch
 * normalisation has scales of mean 1 (1/2 at the end of a residual branch), biases and means around 0 and variances
 * around 2, each with deviation 0.1. Inputs are meant to have a mean near 0 and a variance near 1. */
typedef struct hedge_zoo hedge_zoo_t;

/** The networks' names, NULL at the end. */
extern const char *const hedge_zoo_names[];

/** Describe a network. Makes no weights yet: they take no memory.
 * @param divisor  1: the network itself; above, up to 64, one with so many times fewer channels and hidden units (at
 *                 least 1 each), for tests.
 * @return 0, HEDGE_EUNSUPPORTED (no such network), -EINVAL (divisor), -ENOMEM. */
int hedge_zoo_new(const char *network, uint64_t seed, unsigned divisor, hedge_zoo_t **ret, hedge_why_t *why);
void hedge_zoo_destroy(hedge_zoo_t **zoo);

/** Bytes of the ONNX file. */
uint64_t hedge_zoo_bytes(const hedge_zoo_t *zoo);

/** Takes the next bytes of the file, at most 64 KiB. @return 0, or a negative code, which ends the writing. */
typedef int hedge_zoo_sink_t(void *arg, const void *bytes, size_t size);

/** Make the file, front to end, in little memory; weights are made as they are written.
 * @return 0, or what sink failed with. */
int hedge_zoo_write(const hedge_zoo_t *zoo, hedge_zoo_sink_t *sink, void *arg);

#endif

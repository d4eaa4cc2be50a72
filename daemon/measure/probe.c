/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/measure/probe.h"

#include <string.h>

const hedge_conv_t hedged_probe_conv = HEDGE_CONV_3X3(14, 14, 64, 64);

const hedge_digest_t hedged_probe_digest = { "hedge measures 1" };

/* The first one is not counted: with it the kernel is prepared, and the connection finds its speed. Sizes that differ tell the rate
 * from the delay, for which the line needs five (daemon/measure/transfer.h). */
static const unsigned steps[] = { 1, 1, HEDGED_PROBE_INPUTS, 1, HEDGED_PROBE_INPUTS, 1 };

/* Numbers like those of real layers: none is zero, none is near the smallest that there are. */
static void fill(float *ret, uint64_t n, float scale)
{
        for (uint64_t i = 0; i < n; i++)
                ret[i] = scale * (float)((int)(i * 2654435761u >> 16 & 255) - 127);
}

void hedged_probe_filters(float *ret)
{
        fill(ret, hedge_conv_filter_elements(&hedged_probe_conv), 1.0f / 4096);
}

void hedged_probe_input(float *ret)
{
        fill(ret, hedge_conv_in_elements(&hedged_probe_conv), 1.0f / 128);
}

unsigned hedged_probe_next(hedged_probe_t *p, uint64_t run, int64_t now_us)
{
        if (p->step == sizeof(steps) / sizeof(steps[0]))
                return 0;
        p->inputs = steps[p->step++];
        p->run = run;
        p->came = 0;
        p->sent_us = now_us;
        p->sample = (hedged_task_sample_t){
                .macs_asked = p->inputs * hedge_conv_macs(&hedged_probe_conv),
                .parts_asked = p->inputs,
                .up_bytes = p->inputs * hedge_conv_in_elements(&hedged_probe_conv) * sizeof(float),
                .part_bytes = hedge_conv_out_elements(&hedged_probe_conv) * sizeof(float),
        };
        return p->inputs;
}

/* Are these parts, each of them once, of the last task? @return their bits, 0: they are not. */
static unsigned check(const hedged_probe_t *p, const hedge_msg_part_t *message, const size_t *frame_bytes)
{
        unsigned bits = 0;

        for (uint32_t i = 0; i < message->n_parts; i++) {
                const hedge_part_t *part = &message->parts[i];
                const unsigned bit = part->part < p->inputs ? 1u << part->part : 0;

                if (!bit || ((bits | p->came) & bit) || part->wire != HEDGE_PRECISION_F32 ||
                    frame_bytes[i] != p->sample.part_bytes)
                        return 0;
                bits |= bit;
        }
        return bits;
}

int hedged_probe_part(hedged_probe_t *p, const hedge_msg_part_t *message, const size_t *frame_bytes, int64_t now_us,
                      const hedged_task_sample_t **ret)
{
        const unsigned bits = check(p, message, frame_bytes);
        hedged_task_sample_t *s = &p->sample;
        const bool first = s->parts_done == 0;

        if (!bits)
                return HEDGE_EMALFORMED;
        p->came |= bits;
        s->elapsed_us = (uint64_t)(now_us - p->sent_us);
        for (uint32_t i = 0; i < message->n_parts; i++) {
                s->parts_done++;
                s->macs_done += hedge_conv_macs(&hedged_probe_conv);
                s->compute_us += message->parts[i].compute_us;
        }
        if (first) {
                s->first_us = s->elapsed_us;
                s->first_parts = message->n_parts;
                s->first_compute_us = s->compute_us;
        }
        if (s->parts_done < p->inputs)
                return 0;
        *ret = p->step > 1 ? s : NULL;
        return 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/emulated.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"

#define SLICE_US  50000
#define LONGEST_S 1e6

/* Of the test bed's library, where the program runs with it. */
static struct {
        pthread_once_t once;
        void (*rated)(int rated);
        int64_t (*taken_us)(void);
} slow = { .once = PTHREAD_ONCE_INIT };

static pthread_mutex_t sharing = PTHREAD_MUTEX_INITIALIZER;
static int64_t shared_until_us;

int hedge_emulated_rate(double *ret_macs_per_s, hedge_why_t *why)
{
        const char *text = getenv("HEDGE_EMULATE_MACS_PER_S");
        double rate;
        char *end;

        if (!text)
                return 0;
        rate = strtod(text, &end);
        if (end == text || *end || !(rate >= 1 && rate < 1e18))
                return hedge_why(why, HEDGE_ECONFIG, "HEDGE_EMULATE_MACS_PER_S: '%s' is no rate", text);
        *ret_macs_per_s = rate;
        return 0;
}

int64_t hedge_emulated_until(int64_t began_us, double macs, double macs_per_s)
{
        const double s = macs / macs_per_s;

        return began_us + (int64_t)(1e6 * (s < LONGEST_S ? s : LONGEST_S));
}

int64_t hedge_emulated_share(int64_t began_us, double macs, double macs_per_s)
{
        int64_t until_us;

        pthread_mutex_lock(&sharing);
        until_us = hedge_emulated_until(began_us > shared_until_us ? began_us : shared_until_us, macs, macs_per_s);
        shared_until_us = until_us;
        pthread_mutex_unlock(&sharing);
        return until_us;
}

bool hedge_emulated_wait(int64_t until_us)
{
        const int64_t left_us = until_us - hedge_now_us();

        if (left_us <= 0)
                return false;
        usleep(left_us < SLICE_US ? (useconds_t)left_us : SLICE_US);
        return true;
}

static void find_slow(void)
{
        void *rated = dlsym(RTLD_DEFAULT, "hedge_slow_rated"), *taken_us = dlsym(RTLD_DEFAULT, "hedge_slow_taken_us");

        memcpy(&slow.rated, &rated, sizeof(slow.rated));
        memcpy(&slow.taken_us, &taken_us, sizeof(slow.taken_us));
}

bool hedge_emulated_is_stretched(void)
{
        pthread_once(&slow.once, find_slow);
        return slow.rated != NULL;
}

void hedge_emulated_rated(bool rated)
{
        pthread_once(&slow.once, find_slow);
        if (slow.rated)
                slow.rated(rated);
}

int64_t hedge_emulated_rest_us(void)
{
        pthread_once(&slow.once, find_slow);
        return slow.taken_us ? slow.taken_us() : 0;
}

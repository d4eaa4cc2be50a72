/* SPDX-License-Identifier: Apache-2.0 */
/* conv_onednn.h by way of the module that holds conv_onednn.c, and oneDNN with it. */
#include "common/plugin.h"
#include "common/train/conv_onednn.h"

#include <pthread.h>

static struct {
        int r; /* of opening it */
        __typeof__(hedge_conv_onednn_new) *make;
        __typeof__(hedge_conv_onednn_destroy) *destroy;
        __typeof__(hedge_conv_onednn_forward) *forward;
        __typeof__(hedge_conv_onednn_backward) *backward;
} module;

static void open_module(void)
{
        static const char *const names[] = { "hedge_conv_onednn_new", "hedge_conv_onednn_destroy",
                                             "hedge_conv_onednn_forward", "hedge_conv_onednn_backward" };
        void *found[4];

        module.r = hedge_plugin_open("onednn", names, 4, found, NULL);
        if (module.r < 0)
                return;
        /* ISO C has no cast from a data pointer to a function; POSIX has dlsym give one as the other. */
        module.make = *(__typeof__(module.make) *)&found[0];
        module.destroy = *(__typeof__(module.destroy) *)&found[1];
        module.forward = *(__typeof__(module.forward) *)&found[2];
        module.backward = *(__typeof__(module.backward) *)&found[3];
}

bool hedge_conv_onednn_built(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;

        pthread_once(&once, open_module);
        return module.r == 0;
}

int hedge_conv_onednn_new(const hedge_layer_t *layer, hedge_conv_onednn_t **ret)
{
        return hedge_conv_onednn_built() ? module.make(layer, ret) : HEDGE_EUNSUPPORTED;
}

void hedge_conv_onednn_destroy(hedge_conv_onednn_t **conv)
{
        if (*conv)
                module.destroy(conv);
}

int hedge_conv_onednn_forward(hedge_conv_onednn_t *conv, const hedge_layer_pass_t *pass)
{
        return module.forward(conv, pass);
}

int hedge_conv_onednn_backward(hedge_conv_onednn_t *conv, const hedge_layer_pass_t *pass)
{
        return module.backward(conv, pass);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "client/media/npy.h"
#include "test/fuzz/fuzz.h"

/* An array that is read must be written, and then be read again as the same. */
static void come_back(const hedge_tensor_t *tensor)
{
        hedge_tensor_t again = { .data = NULL };
        char *bytes = NULL;
        size_t size;
        FILE *out = open_memstream(&bytes, &size);

        if (!out || hedgec_npy_write(tensor, HEDGE_ELEMENT_FLOAT, out) < 0 || fclose(out))
                abort();
        if (hedgec_npy_decode((const uint8_t *)bytes, size, &again, NULL) < 0 ||
            !hedge_shape_equal(&again.shape, &tensor->shape) ||
            memcmp(again.data, tensor->data, hedge_shape_elements(&again.shape) * sizeof(float)) != 0)
                abort();
        hedge_tensor_release(&again);
        free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        hedge_tensor_t tensor = { .data = NULL };
        hedge_why_t why = { "" };

        if (hedgec_npy_decode(data, size, &tensor, &why) == 0)
                come_back(&tensor);
        else if (!why.text[0] || tensor.data)
                abort();
        hedge_tensor_release(&tensor);
        return 0;
}

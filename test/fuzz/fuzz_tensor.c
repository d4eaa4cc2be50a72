/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/model/onnx.h"
#include "common/model/value_kind.h"
#include "test/fuzz/fuzz.h"

/* A tensor that is read has all its elements; what is none is told why. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        hedge_tensor_t tensor = { .data = NULL };
        hedge_why_t why = { "" };
        volatile float last;
        size_t n;

        hedge_value_other_kind(data, size);
        if (hedge_onnx_tensor(data, size, &tensor, &why) < 0) {
                if (!why.text[0] || tensor.data)
                        abort();
                return 0;
        }
        n = hedge_shape_elements(&tensor.shape);
        if (n) {
                last = tensor.data[n - 1];
                (void)last;
        }
        hedge_tensor_release(&tensor);
        return 0;
}

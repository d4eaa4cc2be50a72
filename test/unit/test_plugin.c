/* SPDX-License-Identifier: Apache-2.0 */
#include "common/plugin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/kernel/kernel.h"

static const char *const wanted[] = { "hedge_backend_none", "hedge_backend_nothing" };

static void a_module_that_is_not_there(void **state)
{
        void *found[2] = { state, NULL };
        hedge_why_t why = { .text = "" };

        assert_false(hedge_plugin_installed("nonesuch"));
        assert_int_equal(hedge_plugin_open("nonesuch", wanted, 2, found, &why), HEDGE_EUNSUPPORTED);
        assert_non_null(strstr(why.text, "nonesuch"));
        assert_ptr_equal(found[0], state); /* written only on success */
        assert_int_equal(hedge_plugin_open("nonesuch", wanted, 2, found, NULL), HEDGE_EUNSUPPORTED);
}

static void a_module_without_what_is_wanted(void **state)
{
        const char *module = hedge_kernels_available()[0];
        void *found[2] = { state, NULL };
        hedge_why_t why = { .text = "" };

        if (!hedge_plugin_installed(module)) {
                print_message("this build has no modules\n");
                skip();
        }
        assert_int_equal(hedge_plugin_open(module, wanted, 2, found, &why), HEDGE_EUNSUPPORTED);
        assert_non_null(strstr(why.text, wanted[0]));
        assert_ptr_equal(found[0], state);
}

static void back_ends_say_why_they_do_not_open(void **state)
{
        hedge_kernels_t *kernels = NULL;
        hedge_why_t why = { .text = "" };

        (void)state;
        assert_int_equal(hedge_kernels_open("nonesuch", 1, &kernels, &why), HEDGE_EUNSUPPORTED);
        assert_null(kernels);
        assert_non_null(strstr(why.text, "nonesuch"));
        assert_int_equal(hedge_kernels_open(NULL, 1, &kernels, &why), 0);
        assert_string_equal(hedge_kernels_name(kernels), hedge_kernels_available()[0]);
        hedge_kernels_destroy(&kernels);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_module_that_is_not_there),
                cmocka_unit_test(a_module_without_what_is_wanted),
                cmocka_unit_test(back_ends_say_why_they_do_not_open),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

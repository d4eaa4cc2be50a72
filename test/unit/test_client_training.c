/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/training.h"

static hedge_epoch_report_t epochs[] = {
        { .epoch = 1,
          .loss = 0.51234567,
          .test_loss = 0.25,
          .test_accuracy = 0.9312,
          .seconds = 12.5,
          .ms_per_step = 13.34,
          .samples_per_s = 4800,
          .bytes_up_per_step = 161792,
          .bytes_down_per_step = 80000.5,
          .bits_per_entry = 4.125,
          .entropy = 3.875,
          .late = 3,
          .boards = 7.5 },
        { .epoch = 2, .loss = 0.125, .test_accuracy = 1, .ms_per_step = 9 },
};

static hedge_job_event_t events[] = {
        { .step = 10, .at_s = 1.25, .text = "board-3 is lost: going on with 7 boards" },
        { .step = 100, .at_s = 30, .text = "late" },
        { .step = 199, .at_s = 60, .text = "board-\x1b[2J" },
};

static hedge_job_status_t make_status(void)
{
        return (hedge_job_status_t){ .job = 3,
                                     .name = "digits",
                                     .method = "co3",
                                     .state = "running",
                                     .epoch = 2,
                                     .epochs = 20,
                                     .step = 200,
                                     .steps = 2000,
                                     .parameters = 61706,
                                     .loss = 0.123456,
                                     .test_accuracy = 0.9812,
                                     .samples_per_s = 12345,
                                     .bytes_up_per_step = 161792,
                                     .boards = 8,
                                     .left_s = 62.5,
                                     .age_s = 7,
                                     .n_epochs_done = 2,
                                     .epochs_done = epochs,
                                     .n_events = 3,
                                     .events = events };
}

static struct json_object *member(struct json_object *object, const char *name)
{
        struct json_object *value;

        assert_true(json_object_object_get_ex(object, name, &value));
        return value;
}

static double number(struct json_object *object, const char *name)
{
        return json_object_get_double(member(object, name));
}

/* What hedgec_training_show prints. @return to be freed. */
static char *show(const hedge_job_status_t *status, bool json, hedgec_training_shown_t *shown)
{
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        assert_int_equal(hedgec_training_show(status, json, shown, out), 0);
        fclose(out);
        return text;
}

static void test_table_has_events_in_their_place(void **state)
{
        static const char wanted[] = "       step 10: board-3 is lost: going on with 7 boards\n"
                                     "EPOCH      LOSS      TEST   MS/STEP     UP/STEP   BITS  BOARDS\n"
                                     "    1    0.5123   93.12 %      13.3     158 KiB   4.12     7.5\n"
                                     "       step 100: late\n"
                                     "       step 199: board-?[2J\n"
                                     "    2    0.1250  100.00 %       9.0           -      -       -\n";
        hedge_job_status_t status = make_status();
        hedgec_training_shown_t shown = { 0 };
        char *text = show(&status, false, &shown);

        assert_string_equal(text, wanted);
        assert_int_equal(shown.epochs, 2);
        assert_int_equal(shown.events, 3);
        free(text);

        /* The next piece: the heading is there, the count goes on, nothing new is nothing. */
        status.first_epoch = 2;
        status.n_epochs_done = 1;
        status.first_event = 3;
        status.n_events = 0;
        text = show(&status, false, &shown);
        assert_null(strstr(text, "EPOCH"));
        assert_int_equal(shown.epochs, 3);
        assert_int_equal(shown.events, 3);
        free(text);
        status.n_epochs_done = 0;
        text = show(&status, false, &shown);
        assert_string_equal(text, "");
        assert_int_equal(shown.epochs, 3);
        free(text);
}

static void check_widths(char *text, size_t most)
{
        char *rest;

        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
                assert_true(strlen(line) <= most);
}

static void test_no_value_is_too_wide(void **state)
{
        hedge_epoch_report_t huge = { .epoch = 1000000,
                                      .loss = 1e300,
                                      .test_accuracy = 1,
                                      .ms_per_step = 1e15,
                                      .bytes_up_per_step = 1e15,
                                      .bits_per_entry = 1e15,
                                      .boards = 1e15 };
        hedge_job_event_t event = { .step = UINT64_MAX };
        hedge_job_status_t status = { .n_epochs_done = 1, .epochs_done = &huge, .n_events = 1, .events = &event };
        hedgec_training_shown_t shown = { 0 };
        char *text;

        for (size_t i = 0; i + 1 < sizeof(event.text); i++)
                event.text[i] = i % 9 ? 'x' : ' ';
        text = show(&status, false, &shown);
        assert_non_null(strstr(text, "\n       xxxxxxxx xxxxxxxx"));
        check_widths(text, 80);
        free(text);
        huge.loss = INFINITY;
        text = show(&status, false, &shown);
        check_widths(text, 80);
        free(text);
}

static void test_json_says_everything(void **state)
{
        hedge_job_status_t status = make_status();
        hedgec_training_shown_t shown = { 0 };
        char *text = show(&status, true, &shown), *rest, *line;
        struct json_object *object;

        line = strtok_r(text, "\n", &rest);
        object = json_tokener_parse(line);
        assert_int_equal(number(object, "job"), 3);
        assert_string_equal(json_object_get_string(member(object, "event")), events[0].text);
        assert_int_equal(number(object, "step"), 10);
        assert_true(number(object, "at_s") == 1.25);
        json_object_put(object);
        object = json_tokener_parse(strtok_r(NULL, "\n", &rest));
        assert_int_equal(number(object, "job"), 3);
        assert_int_equal(number(object, "epoch"), 1);
        assert_true(number(object, "loss") == 0.51234567);
        assert_true(number(object, "test_loss") == 0.25);
        assert_true(number(object, "test_accuracy") == 0.9312);
        assert_true(number(object, "seconds") == 12.5);
        assert_true(number(object, "ms_per_step") == 13.34);
        assert_true(number(object, "samples_per_s") == 4800);
        assert_true(number(object, "bytes_up_per_step") == 161792);
        assert_true(number(object, "bytes_down_per_step") == 80000.5);
        assert_true(number(object, "bits_per_entry") == 4.125);
        assert_true(number(object, "entropy") == 3.875);
        assert_int_equal(number(object, "late"), 3);
        assert_true(number(object, "boards") == 7.5);
        json_object_put(object);
        for (int lines = 2; strtok_r(NULL, "\n", &rest); lines++)
                assert_true(lines < 5);
        free(text);
}

static void test_json_of_the_end(void **state)
{
        hedge_job_status_t status = make_status();
        struct json_object *object;
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        strcpy(status.state, "failed");
        strcpy(status.text, "the loss is \"nan\"");
        assert_int_equal(hedgec_training_end_json(&status, out), 0);
        fclose(out);
        assert_ptr_equal(strchr(text, '\n'), text + size - 1);
        object = json_tokener_parse(text);
        assert_int_equal(number(object, "job"), 3);
        assert_string_equal(json_object_get_string(member(object, "state")), "failed");
        assert_string_equal(json_object_get_string(member(object, "text")), "the loss is \"nan\"");
        assert_int_equal(number(object, "epochs"), 2);
        assert_int_equal(number(object, "parameters"), 61706);
        json_object_put(object);
        free(text);
}

static void test_json_of_a_job_has_null_for_unknown(void **state)
{
        hedge_job_status_t status = make_status();
        hedgec_json_t json = { 0 };
        struct json_object *object = hedgec_training_json(&json, &status);

        assert_true(number(object, "test_accuracy") == 0.9812);
        assert_true(number(object, "left_s") == 62.5);
        assert_int_equal(number(object, "epoch"), 2);
        assert_int_equal(number(object, "epochs"), 20);
        assert_int_equal(number(object, "steps"), 2000);
        json_object_put(object);
        status.test_accuracy = status.left_s = -1;
        object = hedgec_training_json(&json, &status);
        assert_null(member(object, "test_accuracy"));
        assert_null(member(object, "left_s"));
        json_object_put(object);
        assert_int_equal(json.failed, 0);
}

static void test_bar_fits_a_line(void **state)
{
        hedge_job_status_t status = make_status();
        char text[80];

        assert_string_equal(hedgec_training_bar(&status, text, sizeof(text)),
                            "epoch 3/20 [#.........] loss 0.1235 98.1% 12.3k/s 158 KiB up 8 boards 1:02 left");
        assert_true(strlen(text) <= 79);
        status.boards = 0;
        status.bytes_up_per_step = 0;
        status.step = 1000;
        hedgec_training_bar(&status, text, sizeof(text));
        assert_non_null(strstr(text, "[###############...............]"));
        status = (hedge_job_status_t){ .state = "queued", .job = 7 };
        assert_string_equal(hedgec_training_bar(&status, text, sizeof(text)),
                            "job 7 waits until those before it have ended");
        status = make_status();
        strcpy(status.state, "waiting");
        assert_non_null(strstr(hedgec_training_bar(&status, text, sizeof(text)), "epoch 3/20 waits for boards"));
        status = (hedge_job_status_t){ .state = "running",
                                       .epoch = 999999,
                                       .epochs = 1000000,
                                       .step = UINT64_MAX,
                                       .steps = 1,
                                       .loss = 1e300,
                                       .test_accuracy = 1,
                                       .samples_per_s = 1e15,
                                       .bytes_up_per_step = 1e15,
                                       .boards = UINT32_MAX,
                                       .left_s = 1e15 };
        assert_true(strlen(hedgec_training_bar(&status, text, sizeof(text))) <= 79);
}

static void test_the_end_in_a_sentence(void **state)
{
        hedge_job_status_t status = make_status();
        char text[600];

        strcpy(status.state, "done");
        status.epoch = 20;
        assert_true(hedgec_training_ended(&status));
        assert_string_equal(hedgec_training_end_text(&status, text, sizeof(text)),
                            "done after 20 epochs: 98.12 % of the test images are right");
        strcpy(status.state, "stopped");
        status.epoch = 2;
        assert_true(hedgec_training_ended(&status));
        assert_string_equal(hedgec_training_end_text(&status, text, sizeof(text)),
                            "stopped after 2 of 20 epochs: 98.12 % of the test images are right");
        status.epoch = 0;
        status.test_accuracy = -1;
        assert_string_equal(hedgec_training_end_text(&status, text, sizeof(text)), "stopped after 0 of 20 epochs");
        strcpy(status.state, "failed");
        strcpy(status.text, "why");
        assert_true(hedgec_training_ended(&status));
        assert_string_equal(hedgec_training_end_text(&status, text, sizeof(text)), "failed: why");
        strcpy(status.state, "waiting");
        assert_false(hedgec_training_ended(&status));
}

static void test_jobs_as_a_table(void **state)
{
        hedge_job_status_t jobs[2] = { make_status(), make_status() };
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        jobs[1].test_accuracy = -1;
        jobs[1].parameters = 0;
        memset(jobs[1].name, 'n', sizeof(jobs[1].name) - 1);
        jobs[1].job = 12345678;
        jobs[1].epoch = jobs[1].epochs = 1000000;
        assert_int_equal(hedgec_training_list(jobs, 2, out), 0);
        fflush(out);
        assert_non_null(strstr(text, "2/20"));
        assert_non_null(strstr(text, "98.12 %"));
        assert_non_null(strstr(text, "61.7k"));
        check_widths(text, 80);
        rewind(out);
        strcpy(jobs[0].state, "failed");
        memset(jobs[0].text, 'y', sizeof(jobs[0].text) - 1);
        for (size_t i = 5; i < sizeof(jobs[0].text) - 1; i += 8)
                jobs[0].text[i] = ' ';
        hedgec_training_print(&jobs[0], out);
        jobs[1].samples_per_s = jobs[1].bytes_up_per_step = jobs[1].left_s = 1e15;
        hedgec_training_print(&jobs[1], out);
        fclose(out);
        assert_non_null(strstr(text, "failed: yyyyy"));
        check_widths(text, 80);
        free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_table_has_events_in_their_place),
                cmocka_unit_test(test_no_value_is_too_wide),
                cmocka_unit_test(test_json_says_everything),
                cmocka_unit_test(test_json_of_the_end),
                cmocka_unit_test(test_json_of_a_job_has_null_for_unknown),
                cmocka_unit_test(test_bar_fits_a_line),
                cmocka_unit_test(test_the_end_in_a_sentence),
                cmocka_unit_test(test_jobs_as_a_table),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

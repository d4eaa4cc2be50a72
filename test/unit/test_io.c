/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "common/io/folder.h"
#include "common/io/replace.h"

static char dir[] = "/tmp/hedge-io-XXXXXX";

static const char *path_of(const char *file)
{
        static char paths[4][256];
        static unsigned next;
        char *buf = paths[next++ % 4];

        snprintf(buf, sizeof(paths[0]), "%s/%s", dir, file);
        return buf;
}

static void make(const char *file, const char *text, size_t size)
{
        const int fd = open(path_of(file), O_WRONLY | O_CREAT | O_TRUNC, 0644);

        assert_true(fd >= 0);
        assert_int_equal(hedge_io_write(fd, text, size), 0);
        close(fd);
}

static void expect(const char *file, const char *text)
{
        char *got;
        size_t size;

        assert_int_equal(hedge_io_read_file(path_of(file), 1000, &got, &size), 0);
        assert_string_equal(got, text);
        assert_int_equal(size, strlen(text));
        free(got);
}

static int open_beneath(const char *path)
{
        const int fd = hedge_io_open_beneath(dir, path);

        if (fd < 0)
                return fd;
        close(fd);
        return 0;
}

static void files_beneath_a_folder_are_opened_by_no_link(void **state)
{
        make("plain", "x", 1);
        assert_int_equal(mkdir(path_of("sub"), 0755), 0);
        make("sub/inner", "x", 1);
        assert_int_equal(symlink("plain", path_of("link")), 0);
        assert_int_equal(symlink("sub", path_of("sublink")), 0);
        assert_int_equal(open_beneath("plain"), 0);
        assert_int_equal(open_beneath("./sub//./inner"), 0);
        assert_int_equal(open_beneath("/etc/passwd"), HEDGE_EDENIED);
        assert_int_equal(open_beneath("sub/../plain"), HEDGE_EDENIED);
        assert_int_equal(open_beneath(".."), HEDGE_EDENIED);
        assert_int_equal(open_beneath("link"), HEDGE_EDENIED);
        assert_int_equal(open_beneath("sublink/inner"), HEDGE_EDENIED);
        assert_int_equal(open_beneath("plain/inner"), -ENOTDIR);
        assert_int_equal(open_beneath("none"), -ENOENT);
        assert_int_equal(open_beneath("sub"), -EISDIR);
        assert_int_equal(open_beneath("sub/"), -EISDIR);
        assert_int_equal(open_beneath(""), -EISDIR);
        assert_int_equal(open_beneath("."), -EISDIR);
        assert_int_equal(hedge_io_open_beneath(path_of("none"), "plain"), -ENOENT);
        unlink(path_of("link"));
        unlink(path_of("sublink"));
        unlink(path_of("plain"));
        assert_int_equal(hedge_io_remove_folder(path_of("sub")), 0);
}

static void files_are_read_whole_or_not_at_all(void **state)
{
        char *got = NULL, *big = malloc(300000);
        size_t size = 7;

        make("file", "0123456789", 10);
        expect("file", "0123456789");
        assert_int_equal(hedge_io_read_file(path_of("file"), 10, &got, &size), 0);
        free(got);
        got = NULL;
        size = 7;
        assert_int_equal(hedge_io_read_file(path_of("file"), 9, &got, &size), HEDGE_ELIMIT);
        assert_int_equal(hedge_io_read_file(path_of("none"), 9, &got, &size), -ENOENT);
        assert_int_equal(hedge_io_read_file(dir, 9, &got, &size), -EISDIR);
        assert_null(got);
        assert_int_equal(size, 7);
        make("empty", "", 0);
        expect("empty", "");
        memset(big, 'x', 300000);
        make("big", big, 300000);
        assert_int_equal(hedge_io_read_file(path_of("big"), 300000, &got, &size), 0);
        assert_int_equal(size, 300000);
        assert_memory_equal(got, big, size);
        assert_int_equal(got[size], 0);
        free(got);
        free(big);
}

#define PIPED 1000000u /* more than a pipe holds, and than is read at a time */

static void *fill(void *arg)
{
        char *text = malloc(PIPED);
        const int end = *(int *)arg;

        memset(text, 'y', PIPED);
        if (hedge_io_write(end, text, PIPED) < 0 && errno != EPIPE)
                abort(); /* not on a test thread */
        close(end);
        free(text);
        return NULL;
}

/* A pipe says no size; it is read as it comes, and refused as soon as it has brought too much. */
static void pipes_are_read_to_their_end(void **state)
{
        signal(SIGPIPE, SIG_IGN);
        for (unsigned i = 0; i < 2; i++) {
                char *got = NULL;
                size_t size = 0, others = 0;
                pthread_t writer;
                int ends[2];

                assert_int_equal(pipe(ends), 0);
                assert_int_equal(pthread_create(&writer, NULL, fill, &ends[1]), 0);
                if (i == 0) {
                        assert_int_equal(hedge_io_read(ends[0], PIPED, &got, &size), 0);
                        assert_int_equal(size, PIPED);
                        for (size_t k = 0; k < size; k++)
                                others += got[k] != 'y';
                        assert_int_equal(others, 0);
                        free(got);
                } else {
                        assert_int_equal(hedge_io_read(ends[0], PIPED - 1, &got, &size), HEDGE_ELIMIT);
                }
                close(ends[0]);
                pthread_join(writer, NULL);
        }
}

static void nothing(int number)
{
        (void)number;
}

typedef struct other {
        pthread_t main;
        int fd;
        bool reads;
} other_t;

/* Interrupt the main thread, which waits, many times over; then do what it waits for. */
static void *interrupt(void *arg)
{
        const other_t *o = arg;
        char *text = malloc(PIPED), *got = NULL;
        size_t size = 0;

        memset(text, 'y', PIPED);
        for (unsigned i = 0; i < 2000; i++) {
                pthread_kill(o->main, SIGALRM);
                sched_yield();
        }
        if (o->reads ? hedge_io_read(o->fd, PIPED, &got, &size) < 0 : hedge_io_write(o->fd, text, PIPED) < 0)
                abort(); /* not on a test thread */
        close(o->fd);
        free(text);
        free(got);
        return NULL;
}

static void signals_cut_nothing_short(void **state)
{
        const struct sigaction action = { .sa_handler = nothing }; /* no SA_RESTART */
        char *text = calloc(1, PIPED), *got = NULL;
        size_t size = 0;

        assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
        for (unsigned reads = 0; reads < 2; reads++) {
                int ends[2];
                other_t other = { .main = pthread_self(), .reads = reads };
                pthread_t thread;

                assert_int_equal(pipe(ends), 0);
                other.fd = ends[!reads];
                assert_int_equal(pthread_create(&thread, NULL, interrupt, &other), 0);
                if (reads) {
                        assert_int_equal(hedge_io_write(ends[1], text, PIPED), 0);
                } else {
                        assert_int_equal(hedge_io_read(ends[0], PIPED, &got, &size), 0);
                        assert_int_equal(size, PIPED);
                        free(got);
                }
                close(ends[reads]);
                pthread_join(thread, NULL);
        }
        free(text);
}

static void only_regular_files_are_opened_as_such(void **state)
{
        int fd;

        make("file", "x", 1);
        assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
        assert_int_equal(symlink("file", path_of("link")), 0);
        assert_int_equal(hedge_io_open_regular(path_of("fifo"), 0), -EINVAL); /* and nobody waited for a writer */
        assert_int_equal(hedge_io_open_regular(dir, 0), -EISDIR);
        assert_int_equal(hedge_io_open_regular("/dev/null", 0), -EINVAL);
        assert_int_equal(hedge_io_open_regular(path_of("link"), O_NOFOLLOW), -ELOOP);
        assert_int_equal(hedge_io_open_regular(path_of("none"), 0), -ENOENT);
        fd = hedge_io_open_regular(path_of("link"), 0);
        assert_true(fd >= 0);
        close(fd);
}

static void so_many_bytes_or_an_error(void **state)
{
        char bytes[8] = "";
        int fd;

        make("file", "0123456789", 10);
        fd = open(path_of("file"), O_RDONLY);
        assert_int_equal(hedge_io_read_exactly(fd, bytes, 7), 0);
        assert_string_equal(bytes, "0123456");
        assert_int_equal(hedge_io_read_exactly(fd, bytes, 4), -ENODATA);
        close(fd);
        assert_int_equal(hedge_io_read_exactly(fd, bytes, 1), -EBADF);
        assert_int_equal(hedge_io_write(fd, bytes, 1), -EBADF);
}

static unsigned count_names(void)
{
        char command[300], text[16] = "";
        FILE *list;

        snprintf(command, sizeof(command), "ls -A '%s/r' | wc -l", dir);
        list = popen(command, "r");
        assert_non_null(fgets(text, sizeof(text), list));
        pclose(list);
        return (unsigned)strtoul(text, NULL, 10);
}

/* A full disk, as the system says it of a process that may write no more. */
static void limit_files(rlim_t bytes)
{
        const struct rlimit limit = { bytes, RLIM_INFINITY };

        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_name_stands_for_the_old_or_the_new(void **state)
{
        char *text = malloc(100000);
        hedge_replace_t file;
        hedge_why_t why = { "" };
        struct stat st;

        umask(027);
        assert_int_equal(mkdir(path_of("r"), 0700), 0);
        memset(text, 'z', 100000);
        make("r/a", "old", 3);
        /* given up */
        assert_int_equal(hedge_replace_begin(path_of("r/a"), &file, &why), 0);
        fputs("half", file.file);
        assert_int_equal(hedge_replace_end(&file, -ECANCELED, &why), -ECANCELED);
        expect("r/a", "old");
        assert_int_equal(count_names(), 1);
        /* no room */
        signal(SIGXFSZ, SIG_IGN);
        limit_files(50000);
        assert_int_equal(hedge_replace_begin(path_of("r/a"), &file, &why), 0);
        fwrite(text, 1, 100000, file.file);
        assert_int_equal(hedge_replace_end(&file, 0, &why), -EFBIG);
        limit_files(RLIM_INFINITY);
        assert_non_null(strstr(why.text, "r/a"));
        expect("r/a", "old");
        assert_int_equal(count_names(), 1);
        /* done */
        assert_int_equal(hedge_replace_begin(path_of("r/a"), &file, &why), 0);
        fputs("new", file.file);
        assert_int_equal(hedge_replace_end(&file, 0, &why), 0);
        expect("r/a", "new");
        assert_int_equal(count_names(), 1);
        assert_int_equal(stat(path_of("r/a"), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0640); /* as the umask says */
        umask(022);
        assert_int_equal(hedge_replace_begin(path_of("nowhere/a"), &file, &why), -ENOENT);
        free(text);
}

/* What is no ordinary file is written to, and is there afterwards as it was. */
static void devices_and_pipes_stay_what_they_are(void **state)
{
        char read_back[8] = "";
        hedge_replace_t file;
        hedge_why_t why = { "" };
        struct stat st;
        int fd;

        /* by a link: code that is wrong would replace what it is given, and root may */
        assert_int_equal(symlink("/dev/full", path_of("full")), 0);
        assert_int_equal(hedge_replace_begin(path_of("full"), &file, &why), 0);
        fputs("some", file.file);
        assert_int_equal(hedge_replace_end(&file, 0, &why), -ENOSPC);
        assert_non_null(strstr(why.text, "/full: No space left on device"));
        assert_int_equal(stat(path_of("full"), &st), 0);
        assert_true(S_ISCHR(st.st_mode));
        unlink(path_of("full"));
        assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
        fd = open(path_of("pipe"), O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(hedge_replace_begin(path_of("pipe"), &file, &why), 0);
        fputs("some", file.file);
        assert_int_equal(hedge_replace_end(&file, 0, &why), 0);
        assert_int_equal(read(fd, read_back, sizeof(read_back)), 4);
        assert_string_equal(read_back, "some");
        close(fd);
        assert_int_equal(stat(path_of("pipe"), &st), 0);
        assert_true(S_ISFIFO(st.st_mode));
        unlink(path_of("pipe"));
        assert_int_equal(hedge_replace_begin(path_of("."), &file, &why), 0); /* a folder is found out at the end */
        assert_true(hedge_replace_end(&file, 0, &why) < 0);
}

static void folders_go_whole_and_links_stay_out(void **state)
{
        assert_int_equal(mkdir(path_of("f"), 0700), 0);
        assert_int_equal(mkdir(path_of("f/in"), 0700), 0);
        assert_int_equal(mkdir(path_of("kept"), 0700), 0);
        make("f/in/a", "x", 1);
        make("kept/b", "kept", 4);
        assert_int_equal(symlink("../kept", path_of("f/link")), 0);
        assert_int_equal(hedge_io_sync_folder(path_of("f")), 0);
        assert_int_equal(hedge_io_remove_folder(path_of("f")), 0);
        assert_int_equal(access(path_of("f"), F_OK), -1);
        expect("kept/b", "kept");
        assert_int_equal(hedge_io_remove_folder(path_of("f")), 0);
        assert_int_equal(hedge_io_sync_folder(path_of("f")), -ENOENT);
        assert_int_equal(hedge_io_sync_folder(path_of("kept/b")), -ENOTDIR);
}

static int make_dir(void **state)
{
        return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
        return hedge_io_remove_folder(dir);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(files_beneath_a_folder_are_opened_by_no_link),
                cmocka_unit_test(files_are_read_whole_or_not_at_all),
                cmocka_unit_test(pipes_are_read_to_their_end),
                cmocka_unit_test(signals_cut_nothing_short),
                cmocka_unit_test(only_regular_files_are_opened_as_such),
                cmocka_unit_test(so_many_bytes_or_an_error),
                cmocka_unit_test(a_name_stands_for_the_old_or_the_new),
                cmocka_unit_test(devices_and_pipes_stay_what_they_are),
                cmocka_unit_test(folders_go_whole_and_links_stay_out),
        };

        return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

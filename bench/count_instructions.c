/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in for qemu-user: how many instructions of another processor a program executes. arm.py builds and uses it.
 *
 * Debian packages no header for these; what is used of the interface (its version 1) is declared here. Blocks are counted
 * as they are entered. */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct qemu_plugin_tb;

extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*translated)(uint64_t, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, int operation, void *to, uint64_t n);
extern void qemu_plugin_register_atexit_cb(uint64_t id, void (*ended)(uint64_t, void *), void *arg);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

#define ADD 0 /* the only operation */

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static uint64_t executed;

static void count_block(uint64_t id, struct qemu_plugin_tb *block)
{
        (void)id;
        qemu_plugin_register_vcpu_tb_exec_inline(block, ADD, &executed, qemu_plugin_tb_n_insns(block));
}

static void print_count(uint64_t id, void *arg)
{
        (void)id;
        (void)arg;
        fprintf(stderr, "instructions %" PRIu64 "\n", executed);
}

__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
        (void)info;
        (void)argc;
        (void)argv;
        qemu_plugin_register_vcpu_tb_trans_cb(id, count_block);
        qemu_plugin_register_atexit_cb(id, print_count, NULL);
        return 0;
}

/* A plugin of QEMU 7.2: how many instructions a program ran. What it takes of QEMU is declared here, since Debian
   has no header for plugins. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
enum { ADD_TO = 0 };

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*translated)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, int operation, void *counter, uint64_t by);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*ended)(plugin_id, void *), void *unused);

int qemu_plugin_version = 1;
static uint64_t instructions;

static void on_translated(plugin_id id, struct qemu_plugin_tb *block) {
    qemu_plugin_register_vcpu_tb_exec_inline(block, ADD_TO, &instructions, qemu_plugin_tb_n_insns(block));
}

static void on_ended(plugin_id id, void *unused) { fprintf(stderr, "instructions %" PRIu64 "\n", instructions); }

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv) {
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
    qemu_plugin_register_atexit_cb(id, on_ended, NULL);
    return 0;
}

/* A delegate as libedgetpu is one, which lets the processor compute what it takes: the last operation of the graph.
 *
 * -DABSENT: finds no device.  -DREFUSES: does not take the graph.  -DCRASH, -DHANG: when it is made.
 * -DFAILS_AT=N: its Nth inference, counted from 1, fails, and all after it.
 *
 * The structures begin as TensorFlow Lite's do in `core/c/common.h`; what follows in them is not used here.
 */

typedef unsigned long size_t;
enum Status { OK, ERROR };

struct IntArray {
    int size;
    int data[];
};

struct Node;
struct Context;
struct Delegate;

struct Registration {
    void *(*init)(struct Context *, const char *, size_t);
    void (*free)(struct Context *, void *);
    enum Status (*prepare)(struct Context *, struct Node *);
    enum Status (*invoke)(struct Context *, struct Node *);
    const char *(*profiling_string)(const struct Context *, const struct Node *);
    int builtin_code;
    const char *custom_name;
    int version;
    void *rest[8];
};

struct Context {
    size_t tensors_size;
    enum Status (*get_execution_plan)(struct Context *, struct IntArray **);
    void *tensors;
    void *impl;
    void *resize_tensor;
    void (*report_error)(struct Context *, const char *, ...);
    void *add_tensors;
    enum Status (*get_node)(struct Context *, int, struct Node **, struct Registration **);
    enum Status (*replace)(struct Context *, struct Registration, const struct IntArray *, struct Delegate *);
};

struct Delegate {
    void *data;
    enum Status (*prepare)(struct Context *, struct Delegate *);
    void *copy_from, *copy_to, *free_buffer;
    long flags;
    void *rest[8];
};

static struct Node *node;
static struct Registration operation;
static int n_inferences;

static enum Status prepare_taken(struct Context *context, struct Node *self) {
    (void)self;
    return operation.prepare(context, node);
}

static enum Status run_taken(struct Context *context, struct Node *self) {
    (void)self;
    n_inferences++;
#ifdef FAILS_AT
    if (n_inferences >= FAILS_AT) {
        context->report_error(context, "the device was unplugged");
        return ERROR;
    }
#endif
    return operation.invoke(context, node);
}

static enum Status prepare(struct Context *context, struct Delegate *self) {
    struct IntArray *plan;
    struct Registration *found;
    static struct {
        int size, last;
    } taken = {1, 0};
    if (context->get_execution_plan(context, &plan) != OK) return ERROR;
#ifdef REFUSES
    context->report_error(context, "compiled for another device");
    return ERROR;
#endif
    taken.last = plan->data[plan->size - 1];
    if (context->get_node(context, taken.last, &node, &found) != OK) return ERROR;
    operation = *found;
    struct Registration ours = {.prepare = prepare_taken, .invoke = run_taken, .custom_name = "taken", .version = 1};
    return context->replace(context, ours, (const struct IntArray *)&taken, self);
}

void *tflite_plugin_create_delegate(char **keys, char **values, int n_options, void (*report_error)(const char *)) {
    static struct Delegate delegate = {.prepare = prepare};
    (void)keys, (void)values, (void)n_options, (void)report_error;
#ifdef ABSENT
    report_error("no device on the bus");
    return 0;
#endif
#ifdef CRASH
    __builtin_trap();
#endif
#ifdef HANG
    for (volatile int forever = 1; forever;) {
    }
#endif
    return &delegate;
}

void tflite_plugin_destroy_delegate(void *delegate) { (void)delegate; }

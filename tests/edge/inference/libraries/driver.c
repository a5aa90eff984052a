/* A Vulkan driver that does harm as soon as it is loaded: -DCRASH or -DHANG. */

__attribute__((constructor)) static void loaded(void) {
#ifdef CRASH
    __builtin_trap();
#else
    for (volatile int forever = 1; forever;) {
    }
#endif
}

/* Says "synced" and has not, of every file but those whose path has NOSYNC_BUT in it. Preloaded by
   test_power_cut_rig.py, to see that the rig sees what is lost. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int spared(int fd)
{
    const char *part = getenv("NOSYNC_BUT");
    char link[64], path[PATH_MAX + 1];
    ssize_t length;
    if (!part)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, PATH_MAX);
    if (length < 0)
        return 0;
    path[length] = 0;
    return strstr(path, part) != NULL;
}

#define SAYS_SYNCED(call)                                                                          \
    int call(int fd)                                                                               \
    {                                                                                              \
        static int (*real)(int);                                                                   \
        if (!real)                                                                                 \
            real = dlsym(RTLD_NEXT, #call);                                                        \
        return spared(fd) ? real(fd) : 0;                                                          \
    }

SAYS_SYNCED(fsync)
SAYS_SYNCED(fdatasync)
SAYS_SYNCED(syncfs)

/* Answers EIO in the place of the kernel: the EIO_AT-th call of EIO_CALL (write, fsync or read) on
   a file whose path has EIO_PATH in it. Preloaded by test_replication_faults.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int seen;

static int fails(const char *call, int fd)
{
    const char *wanted = getenv("EIO_CALL"), *part = getenv("EIO_PATH"), *at = getenv("EIO_AT");
    char link[64], path[PATH_MAX + 1];
    ssize_t length;
    if (!wanted || !part || !at || strcmp(wanted, call))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, PATH_MAX);
    if (length < 0)
        return 0;
    path[length] = 0;
    if (!strstr(path, part) || __sync_add_and_fetch(&seen, 1) != atoi(at))
        return 0;
    errno = EIO;
    return 1;
}

ssize_t write(int fd, const void *data, size_t octets)
{
    static ssize_t (*real)(int, const void *, size_t);
    if (!real)
        real = dlsym(RTLD_NEXT, "write");
    return fails("write", fd) ? -1 : real(fd, data, octets);
}

ssize_t read(int fd, void *data, size_t octets)
{
    static ssize_t (*real)(int, void *, size_t);
    if (!real)
        real = dlsym(RTLD_NEXT, "read");
    return fails("read", fd) ? -1 : real(fd, data, octets);
}

int fsync(int fd)
{
    static int (*real)(int);
    if (!real)
        real = dlsym(RTLD_NEXT, "fsync");
    return fails("fsync", fd) ? -1 : real(fd);
}

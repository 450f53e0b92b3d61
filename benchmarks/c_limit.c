/* The limit: what C and OpenSSL need to hash the same files, with nothing else to do.
 *
 * c_limit THREADS ALGORITHM[,ALGORITHM] < list of paths, one a line
 *
 * Threads take the files largest first, each opens, reads and hashes one file at a time, as any
 * program that reads every byte once must. Digests are taken and thrown away. Prints files and
 * octets. One file alone is read by one thread, its digests each by a thread of their own.
 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK (256 * 1024)
#define MOST_ALGORITHMS 4

struct file { char *path; off_t size; };

static struct file *files;
static size_t number_of_files;
static atomic_size_t next_file;
static atomic_ullong octets;
static const EVP_MD *algorithms[MOST_ALGORITHMS];
static int number_of_algorithms;

static void fail(const char *what) { perror(what); exit(1); }

static void hash(const char *path, unsigned char *block, EVP_MD_CTX **contexts, int first, int after) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    ssize_t got;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) fail(path);
    for (int i = first; i < after; i++) EVP_DigestInit_ex(contexts[i], algorithms[i], NULL);
    while ((got = read(fd, block, BLOCK)) > 0) {
        if (first == 0) atomic_fetch_add(&octets, got);
        for (int i = first; i < after; i++) EVP_DigestUpdate(contexts[i], block, got);
    }
    if (got < 0) fail(path);
    for (int i = first; i < after; i++) EVP_DigestFinal_ex(contexts[i], digest, NULL);
    close(fd);
}

static void *work(void *lane) {
    unsigned char *block = malloc(BLOCK);
    EVP_MD_CTX *contexts[MOST_ALGORITHMS];
    for (int i = 0; i < number_of_algorithms; i++) contexts[i] = EVP_MD_CTX_new();
    if (lane != NULL) {
        int i = *(int *)lane;
        hash(files[0].path, block, contexts, i, i + 1);
        return NULL;
    }
    for (size_t i; (i = atomic_fetch_add(&next_file, 1)) < number_of_files;)
        hash(files[i].path, block, contexts, 0, number_of_algorithms);
    return NULL;
}

static int larger_first(const void *a, const void *b) {
    off_t x = ((const struct file *)a)->size, y = ((const struct file *)b)->size;
    return (x < y) - (x > y);
}

static void read_list(void) {
    char *line = NULL;
    size_t room = 0, space = 0;
    ssize_t length;
    struct stat seen;
    int few = 1;
    while ((length = getline(&line, &room, stdin)) > 0) {
        line[length - 1] = 0;
        if (number_of_files == space) files = realloc(files, (space = space * 2 + 64) * sizeof *files);
        files[number_of_files++] = (struct file){strdup(line), 0};
    }
    few = number_of_files <= 20000; /* of many small files no order matters: spare the stat */
    for (size_t i = 0; few && i < number_of_files; i++) {
        if (stat(files[i].path, &seen) < 0) fail(files[i].path);
        files[i].size = seen.st_size;
    }
    if (few) qsort(files, number_of_files, sizeof *files, larger_first);
}

int main(int argc, char **argv) {
    if (argc != 3) { fprintf(stderr, "usage: c_limit THREADS ALGORITHM[,ALGORITHM] < list\n"); return 2; }
    int threads = atoi(argv[1]), lanes[MOST_ALGORITHMS];
    for (char *name = strtok(argv[2], ","); name && number_of_algorithms < MOST_ALGORITHMS; name = strtok(NULL, ","))
        if ((algorithms[number_of_algorithms++] = EVP_MD_fetch(NULL, name, NULL)) == NULL) {
            fprintf(stderr, "no such algorithm: %s\n", name);
            return 2;
        }
    read_list();
    int apart = number_of_files == 1 && number_of_algorithms > 1 && threads > 1;
    if (apart) threads = number_of_algorithms;
    pthread_t started[64];
    for (int i = 0; i < threads && i < 64; i++) {
        lanes[i % MOST_ALGORITHMS] = i % MOST_ALGORITHMS;
        if (pthread_create(&started[i], NULL, work, apart ? &lanes[i] : NULL)) fail("pthread_create");
    }
    for (int i = 0; i < threads && i < 64; i++) pthread_join(started[i], NULL);
    printf("%zu files, %llu octets\n", number_of_files, (unsigned long long)octets);
    return 0;
}

/* Threads, a mutex, a timed wait: what a C library needs the kernel for. Prints one line. */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static int count;

static void *work(void *unused)
{
	(void)unused;
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(&mutex);
		count++;
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[8];
	struct timespec until;

	for (int i = 0; i < 8; i++)
		if (pthread_create(&threads[i], NULL, work, NULL) != 0) {
			perror("pthread_create");
			return 1;
		}
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 10000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&mutex);
	pthread_cond_timedwait(&never, &mutex, &until);
	pthread_mutex_unlock(&mutex);
	printf("8 threads counted to %d\n", count);
	return count != 8000;
}

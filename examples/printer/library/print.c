#include "print.h"

#include <stdio.h>
#include <string.h>

#include "words.h"

void print_line(const char *text)
{
	printf("%s\n", text);
	fflush(stdout);
}

int print_known(const char *word)
{
	const struct word *found = find_word(word, strlen(word));

	return found ? found->position : -1;
}

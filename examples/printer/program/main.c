#include "print.h"

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (print_known(argv[i]) < 0)
			return 1;
	print_line("cprinter " PRINT_VERSION ": C alone");
	return 0;
}

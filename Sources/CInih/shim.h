/* libinih: the parser of INI files. */
#include <ini.h>

/* Nothing of it is called by name: Debian's libraries find its functions when a program is linked. */
#ifndef CFORTIFY_H
#define CFORTIFY_H
#endif

/* Lets a call into a C library end when an assertion of that library fails, in place of the program. */
#ifndef CMOSQUITTOGUARD_H
#define CMOSQUITTOGUARD_H

/* An assertion has failed within the call: what the library was doing is to be thrown away. */
#define CAIRN_GUARD_ASSERTED (-101)

/* What the call returns, or CAIRN_GUARD_ASSERTED. Nothing of Swift's that is to be released may be under way in it. */
int cairn_guarded(int (*call)(void *), void *argument);

#endif

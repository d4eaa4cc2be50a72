/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_MEMORY_H
#define HEDGEW_MEMORY_H

/** Give back what an idle process needs not hold: free blocks of the allocator, and the pages of programs and libraries that
 * were read in once. Those are clean copies of files: they come back by a page fault when they are needed again. */
void hedgew_memory_trim(void);

#endif

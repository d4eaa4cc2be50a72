/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_IO_FOLDER_H
#define HEDGE_IO_FOLDER_H

/** Whole folders. */

/** Bring its names to the disk: a file that was made or renamed is there after a power cut when its folder is. @return 0, -errno. */
int hedge_io_sync_folder(const char *path);

/** Remove it with all that is in it: a link itself, not what it leads to; other file systems stay. One that is not there is fine.
 * @return 0, -errno. */
int hedge_io_remove_folder(const char *path);

#endif

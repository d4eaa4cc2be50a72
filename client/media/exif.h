/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_EXIF_H
#define HEDGEC_EXIF_H

#include <stddef.h>
#include <stdint.h>

/** How a camera was held: the tag Orientation (274) in the first directory of a file's EXIF data, as EXIF 2.32 and TIFF 6.0
 * have it. A value says where the stored picture's first row and first column are seen:
 *
 *     1  top, left       2  top, right      3  bottom, right   4  bottom, left
 *     5  left, top       6  right, top      7  right, bottom   8  left, bottom
 *
 * Nothing else of EXIF is looked at. @return 1 to 8; 1 also where there is no tag, or none that can be read. */
unsigned hedgec_exif_of_jpeg(const uint8_t *bytes, size_t size);
unsigned hedgec_exif_of_png(const uint8_t *bytes, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/detect/map.h"

#include <math.h>

hedge_map_t hedge_map_same(uint32_t width, uint32_t height)
{
        return (hedge_map_t){ .width = width, .height = height, .scale_x = 1, .scale_y = 1 };
}

static float clip(double value, uint32_t most)
{
        return (float)(value < 0 ? 0 : value > most ? most : value);
}

bool hedge_map_box(const hedge_map_t *map, const double box[4], float ret[4])
{
        double mapped[4];

        for (unsigned i = 0; i < 4; i++) {
                mapped[i] = i % 2 ? box[i] * map->scale_y + map->offset_y : box[i] * map->scale_x + map->offset_x;
                if (!isfinite(mapped[i]))
                        return false;
                mapped[i] = (double)clip(mapped[i], i % 2 ? map->height : map->width);
        }
        for (unsigned i = 0; i < 4; i++)
                ret[i] = (float)mapped[i];
        return ret[2] > ret[0] && ret[3] > ret[1];
}

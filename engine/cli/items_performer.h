// Reads the items of distributed Maps from large objects, off the kernel's thread.
#pragma once

#include "runtime/effects.h"
#include "runtime/worker.h"
#include "store/blobs.h"

namespace kiban::cli {

// Of the effect "items.read" (services/states/item_reading.h): an outcome for each piece, the next
// once the one before is committed. Both arguments outlive the performer.
runtime::Performer make_items_performer(const store::Blobs& blobs, runtime::Worker& worker);

}  // namespace kiban::cli

// Bulk bytes where an operation needs them in memory.
#pragma once

#include <string>

#include "services/base/service.h"

namespace kiban::services {

// What a streaming member holds: {"Digest", "Offset" (0), "Size" (all)}, or {"Pieces": [such]}.
// Error NoSuchBlob.
Result<std::string> read_bulk(const Context& context, const json::object& body);

}  // namespace kiban::services

#pragma once

#include "asl/mocks.h"

namespace kiban::services::states {

using asl::find_mock;

}  // namespace kiban::services::states

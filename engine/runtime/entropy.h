// The operating system's randomness, from which the pure generators of core/random.h start.
#pragma once

#include "core/random.h"

namespace kiban::runtime {

// From OpenSSL's generator, which the system's generator seeds: no seed can be derived from
// another. Any thread.
Seed fresh_seed();

}  // namespace kiban::runtime

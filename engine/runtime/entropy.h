// The operating system's randomness, from which the pure generators of core/random.h start.
#pragma once

#include "core/random.h"

namespace kiban::runtime {

// From OpenSSL's generator, which the system's seeds: no seed tells another. Any thread.
Seed fresh_seed();

}  // namespace kiban::runtime

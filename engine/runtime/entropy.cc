#include "runtime/entropy.h"

#include <openssl/rand.h>

#include "core/result.h"

namespace kiban::runtime {

Seed fresh_seed() {
  Seed::Bytes bytes{};
  KIBAN_CHECK(::RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1, "RAND_bytes");
  return Seed{bytes};
}

}  // namespace kiban::runtime

#include "core/result.h"
#include "runtime/registry_path.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban::runtime;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  (void)parse_registry_path(text);
  const auto range = parse_byte_range(text, size * 3);
  KIBAN_CHECK(!range || range->offset + range->size <= size * 3, "a range lies within its bytes");
  return 0;
}

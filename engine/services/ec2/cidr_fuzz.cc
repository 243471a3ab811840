#include "services/ec2/cidr.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban::services::ec2;
  const auto block = parse_cidr({reinterpret_cast<const char*>(data), size});
  if (!block) return 0;
  const auto again = parse_cidr(print_cidr(*block));
  KIBAN_CHECK(again && *again == *block, "a printed block reads as the same");
  return 0;
}

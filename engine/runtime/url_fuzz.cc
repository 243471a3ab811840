#include "runtime/http_client.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban::runtime;
  const auto url = parse_url({reinterpret_cast<const char*>(data), size});
  if (!url) return 0;
  KIBAN_CHECK(url->scheme == "http" || url->scheme == "https", "no other is known");
  KIBAN_CHECK(!url->host.empty() && url->target.starts_with('/'), "what a request needs is there");
  return 0;
}

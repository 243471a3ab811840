#include "services/ecr/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban::services::ecr;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto manifest = parse_manifest(text, "");
  if (manifest) (void)manifest->size();
  (void)parse_manifest(text, "application/vnd.oci.image.manifest.v1+json");
  (void)is_tag(text);
  return 0;
}

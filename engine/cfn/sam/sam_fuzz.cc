// Any JSON as a template with AWS::Serverless resources: refused with a reason, or transformed the
// same way twice.
#include <cstdlib>

#include "cfn/sam/sam.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto tree = parse_json(text);
  if (!tree || !tree->is_object()) return 0;
  const auto one = cfn::sam::transform(tree->get_object(), {{"P", "p"}}, "ap-northeast-1");
  const auto two = cfn::sam::transform(tree->get_object(), {{"P", "p"}}, "ap-northeast-1");
  if (one.has_value() != two.has_value()) std::abort();
  if (one && *one != *two) std::abort();
  if (!one && (one.error().name != "ValidationError" || one.error().cause.empty())) std::abort();
  return 0;
}

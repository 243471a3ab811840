// A line of `kiban iam evaluate`; a document when it is not one.
#include "iam/evaluate.h"
#include "iam/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto answer = parse_json(iam::evaluate_line(text));
  KIBAN_CHECK(answer && answer->is_object(), "an answer is an object");
  const json::object& told = answer->get_object();
  KIBAN_CHECK(told.contains("decision") != told.contains("error"), "a decision or an error");
  for (const auto kind : {iam::PolicyKind::Identity, iam::PolicyKind::Trust,
                          iam::PolicyKind::Bucket, iam::PolicyKind::Resource}) {
    const auto policy = iam::Policy::compile(text, kind);
    if (!policy) KIBAN_CHECK(policy.error().name == "MalformedPolicyDocument", "AWS's name");
  }
  return 0;
}

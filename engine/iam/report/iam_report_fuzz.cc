// Records of decisions, one a line, about a role whose policy is the first line when that is not a
// record.
#include "iam/report/explanation.h"
#include "iam/report/proof.h"
#include "iam/report/proposal.h"
#include "iam/report/words.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban;
  using namespace kiban::iam::report;
  std::string_view text{reinterpret_cast<const char*>(data), size};
  RolePolicies role{.arn = "arn:aws:iam::000000000000:role/r",
                    .name = "r",
                    .policies = {{.ref = "arn:aws:iam::000000000000:role/r/policy/p"}}};
  const auto first = parse_json(text.substr(0, text.find('\n')));
  if (first && first->is_object() && !parse_record(text.substr(0, text.find('\n')))) {
    role.policies[0].document = first->get_object();
    text.remove_prefix(std::min(text.find('\n'), text.size()));
  }
  const auto records = parse_records(text);
  if (!records) {
    KIBAN_CHECK(records.error().name == "InvalidRecord", "our name");
    return 0;
  }
  for (const Record& record : *records) {
    const Explanation explanation = explain(record, {});
    KIBAN_CHECK(!record.allowed() || explanation.fixes.empty(), "what is allowed needs no fix");
  }
  const RoleUse use = use_of(role, *records);
  const auto findings = findings_of(role, use);
  for (const Proposal& proposal : propose(role, use)) {
    const json::value after = proposal.document ? json::value(*proposal.document) : json::object{};
    const std::string diff = line_diff(pretty_json(role.policies[0].document), pretty_json(after));
    KIBAN_CHECK(proposal.document != role.policies[0].document || diff.empty(), "equal texts");
  }
  for (const Mutation& mutation : mutations_of(role, *records, Actions::Each)) {
    const Judgement judgement = judge(mutation, *records, *records, false);
    KIBAN_CHECK(judgement.others.empty(), "an unchanged run refuses nothing new");
  }
  return 0;
}

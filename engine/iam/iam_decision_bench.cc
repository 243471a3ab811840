// A decision over ten compiled policies, and compiling one.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "iam/decision.h"

namespace {

using namespace kiban;

std::string document(int number) {
  return fmt::format(
      R"({{"Version":"2012-10-17","Statement":[
        {{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:Query","dynamodb:Put*"],
          "Resource":"arn:aws:dynamodb:*:111122223333:table/t{0}-*"}},
        {{"Effect":"Allow","Action":"s3:GetObject",
          "Resource":["arn:aws:s3:::data-{0}/home/${{aws:username}}/*","arn:aws:s3:::data-{0}/*"],
          "Condition":{{"StringLike":{{"aws:PrincipalTag/team":["red-*","blue-{0}"]}},
                       "IpAddress":{{"aws:SourceIp":["10.0.0.0/8","2001:db8::/32"]}}}}}},
        {{"Effect":"Deny","NotAction":["s3:*","iam:List*"],"Resource":"*",
          "Condition":{{"Bool":{{"aws:SecureTransport":"false"}}}}}}]}})",
      number);
}

void decide(benchmark::State& state) {
  std::vector<iam::Policy> compiled;
  for (int i = 0; i < 10; ++i)
    compiled.push_back(iam::Policy::compile(document(i), iam::PolicyKind::Identity).value());
  iam::Policies policies;
  for (const iam::Policy& policy : compiled) policies.identity.push_back(&policy);
  iam::Request request{
      .requester = iam::parse_requester("arn:aws:sts::111122223333:assumed-role/app/s").value(),
      .action = "s3:GetObject",
      .resource = "arn:aws:s3:::data-9/home/bob/reports/2026/11/24.csv"};
  request.context.set("aws:username", {"bob"});
  request.context.set("aws:PrincipalTag/team", {"blue-9"});
  request.context.set("aws:SourceIp", {"10.1.2.3"});
  request.context.set("aws:SecureTransport", {"true"});
  for (auto _ : state) {
    Budget budget(iam::steps_max, 0);
    const auto decision = iam::decide(request, policies, budget);
    if (!decision || decision->verdict != iam::Verdict::Allowed)
      return state.SkipWithError("not allowed");
  }
}

void compile(benchmark::State& state) {
  const std::string text = document(1);
  for (auto _ : state) {
    auto policy = iam::Policy::compile(text, iam::PolicyKind::Identity);
    benchmark::DoNotOptimize(policy);
  }
}

BENCHMARK(decide);
BENCHMARK(compile);

}  // namespace

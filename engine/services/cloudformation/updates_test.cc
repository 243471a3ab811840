// Every property of every resource type, changed in a stack over the real services: what is mutable
// is changed in place and leaves the same rows as a stack made that way from the start, what is not
// makes another resource, and a rollback leaves what was there before. What replaces is AWS's, by
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>

#include "cfn/types.h"
#include "core/zip.h"
#include "kernel/kernel.h"
#include "services/applicationautoscaling/service.h"
#include "services/base/table_service.h"
#include "services/cloudformation/service.h"
#include "services/cloudformation/updates_table.h"
#include "services/cloudwatch/service.h"
#include "services/ec2/service.h"
#include "services/ecr/service.h"
#include "services/ecs/service.h"
#include "services/elbv2/service.h"
#include "services/events/service.h"
#include "services/iam/service.h"
#include "services/kms/service.h"
#include "services/lambda/service.h"
#include "services/logs/service.h"
#include "services/rds/service.h"
#include "services/s3/service.h"
#include "services/scheduler/service.h"
#include "services/secretsmanager/service.h"
#include "services/sns/service.h"
#include "services/sqs/service.h"
#include "services/ssm/service.h"
#include "services/states/service.h"
#include "services/sts/service.h"
#include "store/blobs.h"

namespace kiban::services::cloudformation {
namespace {

using namespace std::chrono_literals;

json::array list_of(const json::object& entry, std::string_view name) {
  const json::array* all = find_array(entry, name);
  return all ? *all : json::array{};
}

// An account with all services. Databases are there, and gone, as soon as somebody wants it.
class Account {
 public:
  Account() {
    std::vector<std::unique_ptr<Service>> services;
    services.push_back(applicationautoscaling::make_applicationautoscaling());
    services.push_back(make_cloudformation());
    services.push_back(cloudwatch::make_cloudwatch());
    services.push_back(ec2::make_ec2());
    services.push_back(ecr::make_ecr());
    services.push_back(ecs::make_ecs());
    services.push_back(elbv2::make_elbv2());
    services.push_back(events::make_events());
    services.push_back(iam::make_iam());
    services.push_back(kms::make_kms());
    services.push_back(lambda::make_lambda());
    services.push_back(logs::make_logs());
    services.push_back(rds::make_rds());
    services.push_back(s3::make_s3());
    services.push_back(scheduler::make_scheduler());
    services.push_back(secretsmanager::make_secretsmanager());
    services.push_back(sns::make_sns());
    services.push_back(sqs::make_sqs());
    services.push_back(ssm::make_ssm());
    services.push_back(states::make_states());
    services.push_back(sts::make_sts());
    kernel_ = std::make_unique<kernel::Kernel>(*store_, std::move(services),
                                               kernel::Options{.blobs = blobs_.get()});
    put_archives();
  }

  // s3://archives/one.zip and two.zip, for types that take code from there.
  void put_archives() {
    const auto put = [&](const char* operation, json::object input) {
      EXPECT_TRUE(kernel_->call("s3", operation, std::move(input), now_, ++seed_)) << operation;
    };
    put("CreateBucket",
        {{"Bucket", "archives"},
         {"CreateBucketConfiguration", {{"LocationConstraint", "ap-northeast-1"}}}});
    for (const std::string& name : {std::string("one"), std::string("two")}) {
      const std::string archive = make_zip({{"layer.py", name}});
      put("PutObject",
          {{"Bucket", "archives"},
           {"Key", name + ".zip"},
           {"Body", {{"Digest", *blobs_->put(archive)}, {"Offset", 0}, {"Size", archive.size()}}}});
    }
  }

  Result<json::object> call(std::string operation, json::object input) {
    auto reply =
        kernel_->call("cloudformation", std::move(operation), std::move(input), now_, ++seed_);
    for (int i = 0; i < 20 && perform(); ++i) {
      now_ = std::max(now_, kernel_->run_until_idle(now_, now_ + 2s, ++seed_));
    }
    return reply;
  }

  std::string status() {
    const auto reply = call("DescribeStacks", {{"StackName", "s"}});
    return reply ? text(reply->at("Stacks").at(0).as_object(), "StackStatus") : "gone";
  }
  std::string id_of(const std::string& logical) {
    const auto reply =
        call("DescribeStackResource", {{"StackName", "s"}, {"LogicalResourceId", logical}});
    if (!reply) return reply.error().cause;
    return text(reply->at("StackResourceDetail").as_object(), "PhysicalResourceId");
  }
  std::string failures() {
    std::string out;
    const auto reply = call("DescribeStackEvents", {{"StackName", "s"}});
    for (const json::value& event : reply ? reply->at("StackEvents").as_array() : json::array{}) {
      const json::object& one = event.as_object();
      if (!text(one, "ResourceStatus").ends_with("_FAILED")) continue;
      out += text(one, "LogicalResourceId") + ": " + text(one, "ResourceStatusReason") + "\n";
    }
    return out;
  }

  // What the services keep, without times and what `volatiles` names.
  std::multiset<std::string> rows(const json::object& entry) const {
    const json::array volatiles = list_of(entry, "Volatile");
    const json::array apart = list_of(entry, "Apart");
    std::multiset<std::string> out;
    for (const store::Row& row : store_->scan("", {}, SIZE_MAX)) {
      const std::string service = row.key.substr(0, row.key.find('/'));
      static const std::set<std::string, std::less<>> others{"cloudformation", "timer",  "timerid",
                                                             "effect",         "kernel", "kiban"};
      const bool left_out = std::ranges::any_of(apart, [&](const json::value& part) {
        return row.key.find(std::string_view(part.as_string())) != std::string::npos;
      });
      // SQS remembers the names of queues for a minute.
      const bool deleted = row.key.find("/deleted/") != std::string::npos;
      if (others.contains(service) || left_out || deleted || row.value == "{}") continue;
      auto value = parse_json(row.value);
      if (value) forget(*value, volatiles);
      // Ids of what has no name and is made anew by an update, and of events.
      static const std::regex ids("(sgr|eni|/event/[0-9]{15})-[0-9a-f]{8,17}");
      out.insert(std::regex_replace(row.key + " " + (value ? print_json(*value) : row.value), ids,
                                    "$1-x"));
    }
    return out;
  }

  // Makes CloudFormation believe what `work` undid.
  template <typename Work>
  void without_knowing(const Work& work) {
    store::Batch batch;
    for (const store::Row& row : store_->scan("cloudformation/", {}, SIZE_MAX)) {
      batch[row.key] = row.value;
    }
    work();
    ASSERT_TRUE(store_->commit(batch));
  }

 private:
  // Their order depends on the order in which they were set.
  static void sort_tags(json::array& list) {
    const auto is_tag = [](const json::value& one) {
      const json::object* tag = one.if_object();
      return tag && (tag->contains("Key") || tag->contains("key") || tag->contains("TagKey"));
    };
    if (list.empty() || !std::ranges::all_of(list, is_tag)) return;
    std::multimap<std::string, json::value> sorted;
    for (const json::value& one : list) sorted.emplace(print_json(one), one);
    list.clear();
    for (auto& [text_of, one] : sorted) list.push_back(std::move(one));
  }

  static void forget(json::value& value, const json::array& volatiles) {
    static const std::regex time("^20[0-9]{2}-[0-9]{2}-[0-9]{2}T.*");
    if (value.is_array()) {
      for (json::value& one : value.get_array()) forget(one, volatiles);
      sort_tags(value.get_array());
    } else if (value.is_object()) {
      std::map<std::string, json::value> sorted;
      for (auto& member : value.get_object()) sorted[std::string(member.key())] = member.value();
      json::object kept;
      for (auto& [key, member] : sorted) {
        if (std::ranges::find(volatiles, json::value(key)) != volatiles.end()) continue;
        forget(member, volatiles);
        if (member != "") kept[key] = member;  // As good as absent.
      }
      value = std::move(kept);
    } else if (value.is_number()) {
      if (value.to_number<double>() > 1.6e9) value = "a time";
    } else if (value.is_string() && std::regex_match(to_string(value.get_string()), time)) {
      value = "a time";
    }
  }

  bool perform() {
    bool any = false;
    for (const Effect& effect : kernel_->pending_effects()) {
      if (effect.service != "rds" || !done_.insert(effect.id + effect.kind).second) continue;
      any = true;
      if (effect.kind == "postgres.run") {
        kernel_->outcome("rds", {.id = effect.id,
                                 .final = false,
                                 .payload = {{"Status", "available"}, {"Port", 15432}}});
      } else {
        kernel_->outcome("rds",
                         {.id = effect.id, .final = true, .payload = {{"Status", "deleted"}}});
      }
    }
    if (any) (void)kernel_->run_batch(now_, ++seed_);
    return any || kernel_->busy() || std::exchange(again_, !again_);
  }

  std::unique_ptr<store::Blobs> blobs_ = store::make_memory_blobs();
  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  std::unique_ptr<kernel::Kernel> kernel_{};
  Timestamp now_{1'700'000'000'000ms};
  std::uint64_t seed_{0};
  std::set<std::string> done_{};
  bool again_{true};
};

const json::array& table() {
  static const auto* const all = [] {
    const auto parsed = parse_json(updates_table);
    KIBAN_CHECK(parsed, "the table is no JSON: " + (parsed ? "" : parsed.error().cause));
    return new json::array(parsed->as_array());
  }();
  return *all;
}

// A stack of one resource X, and of what it needs.
json::object wanted(const json::object& entry, const json::object& properties, bool broken) {
  const json::object* needs = find_object(entry, "Needs");
  json::object resources = needs ? *needs : json::object{};
  resources["X"] = json::object{{"Type", entry.at("Type")}, {"Properties", properties}};
  if (broken) {
    resources["Broken"] = json::object{
        {"Type", "AWS::SSM::Parameter"},
        {"DependsOn", "X"},
        {"Properties", {{"Type", "String"}, {"Value", "v"}, {"Name", "aws-is-reserved"}}}};
  }
  return {{"StackName", "s"},
          {"Capabilities", json::array{"CAPABILITY_NAMED_IAM"}},
          {"TemplateBody", print_json(json::object{{"Resources", resources}})}};
}

json::object properties_of(const json::object& entry, const std::string& name,
                           const json::value& value) {
  const json::object* base = find_object(entry, "Base");
  json::object out = base ? *base : json::object{};
  if (const json::object* with = find_object(entry, "With")) {
    const json::object* more = find_object(*with, name);
    for (const auto& one : more ? *more : json::object{}) {
      out.erase(one.key());
      if (!one.value().is_null()) out[one.key()] = one.value();
    }
  }
  if (value.is_null()) {
    out.erase(name);
  } else {
    out[name] = value;
  }
  return out;
}

std::string difference(const std::multiset<std::string>& got,
                       const std::multiset<std::string>& wanted_rows) {
  std::vector<std::string> surplus;
  std::vector<std::string> missing;
  std::ranges::set_difference(got, wanted_rows, std::back_inserter(surplus));
  std::ranges::set_difference(wanted_rows, got, std::back_inserter(missing));
  std::string out;
  for (const std::string& row : surplus) out += "  is     " + row + "\n";
  for (const std::string& row : missing) out += "  wanted " + row + "\n";
  return out;
}

void expect_same(const std::multiset<std::string>& got,
                 const std::multiset<std::string>& wanted_rows) {
  EXPECT_TRUE(got == wanted_rows) << "\n" << difference(got, wanted_rows);
}

void expect_update(const json::object& entry, const std::string& name, const json::value& from,
                   const json::value& to) {
  SCOPED_TRACE(
      fmt::format("{} {}: {} -> {}", text(entry, "Type"), name, print_json(from), print_json(to)));
  const json::object& type = *cfn::find_type(text(entry, "Type"));
  const json::object before = wanted(entry, properties_of(entry, name, from), false);
  const json::object after = wanted(entry, properties_of(entry, name, to), false);
  Account fresh;
  const auto made = fresh.call("CreateStack", after);
  ASSERT_TRUE(made) << made.error().cause;
  ASSERT_EQ(fresh.status(), "CREATE_COMPLETE") << fresh.failures();

  Account changed;
  ASSERT_TRUE(changed.call("CreateStack", before));
  ASSERT_EQ(changed.status(), "CREATE_COMPLETE") << changed.failures();
  const auto rows = changed.rows(entry);
  const std::string id = changed.id_of("X");
  const auto updated = changed.call("UpdateStack", after);
  ASSERT_TRUE(updated) << updated.error().cause;
  ASSERT_EQ(changed.status(), "UPDATE_COMPLETE") << changed.failures();
  if (cfn::forces_replacement(type, name)) {
    EXPECT_TRUE(flag(entry, "SameId") || changed.id_of("X") != id);
    if (!flag(entry, "Leaves")) {
      EXPECT_EQ(changed.rows(entry).size(), fresh.rows(entry).size())
          << difference(changed.rows(entry), fresh.rows(entry));
    }
  } else {
    EXPECT_EQ(changed.id_of("X"), id);
    expect_same(changed.rows(entry), fresh.rows(entry));
  }

  Account rolled;
  ASSERT_TRUE(rolled.call("CreateStack", before));
  const auto failing =
      rolled.call("UpdateStack", wanted(entry, properties_of(entry, name, to), true));
  ASSERT_TRUE(failing) << failing.error().cause;
  ASSERT_EQ(rolled.status(), "UPDATE_ROLLBACK_COMPLETE") << rolled.failures();
  EXPECT_EQ(rolled.id_of("X"), id);
  if (!flag(entry, "Leaves")) expect_same(rolled.rows(entry), rows);
}

class Type : public testing::TestWithParam<std::size_t> {};

TEST_P(Type, IsUpdatedReplacedAndRolledBack) {
  const json::object& entry = table().at(GetParam()).as_object();
  for (const auto& change : entry.at("Changes").as_object()) {
    const json::array& values = change.value().as_array();
    for (std::size_t i = 0; i + 1 < values.size(); ++i) {
      expect_update(entry, change.key(), values[i], values[i + 1]);
      expect_update(entry, change.key(), values[i + 1], values[i]);
    }
  }
}

TEST_P(Type, LeavesNothingWhenDeleted) {
  const json::object& entry = table().at(GetParam()).as_object();
  Account account;
  const auto before = account.rows(entry);
  const auto made =
      account.call("CreateStack", wanted(entry, properties_of(entry, "", nullptr), false));
  ASSERT_TRUE(made) << made.error().cause;
  ASSERT_EQ(account.status(), "CREATE_COMPLETE") << account.failures();
  account.without_knowing([&] {
    ASSERT_TRUE(account.call("DeleteStack", {{"StackName", "s"}}));
    ASSERT_EQ(account.status(), "gone") << account.failures();
    if (!flag(entry, "Leaves")) expect_same(account.rows(entry), before);
  });
  // What somebody else deleted is no obstacle.
  ASSERT_TRUE(account.call("DeleteStack", {{"StackName", "s"}}));
  EXPECT_EQ(account.status(), "gone") << account.failures();
}

INSTANTIATE_TEST_SUITE_P(All, Type, testing::Range<std::size_t>(0, table().size()),
                         [](const auto& chosen) {
                           std::string name = text(table().at(chosen.param).as_object(), "Type");
                           std::erase(name, ':');
                           return name;
                         });

TEST(Types, AreAllInTheTableWithEveryProperty) {
  std::map<std::string, const json::object*> entries;
  for (const json::value& entry : table()) {
    entries[text(entry.as_object(), "Type")] = &entry.as_object();
  }
  for (const std::string& type : cfn::type_names()) {
    // Those have tests of their own: custom_resource_test.cc, nested_test.cc,
    // wait_condition_test.cc.
    if (cfn::find_type(type)->contains("Handler")) continue;
    if (!entries.contains(type)) {
      ADD_FAILURE() << type << " is not tested";
      continue;
    }
    const json::object& entry = *entries.at(type);
    const json::array* fixed = find_array(entry, "Fixed");
    for (const json::value& known : cfn::find_type(type)->at("Known").as_array()) {
      const bool tested = entry.at("Changes").as_object().contains(known.as_string()) ||
                          (fixed && std::ranges::find(*fixed, known) != fixed->end());
      EXPECT_TRUE(tested) << type << " " << known;
    }
  }
}

}  // namespace
}  // namespace kiban::services::cloudformation

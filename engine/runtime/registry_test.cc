#include "runtime/registry.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <future>

#include "api/codec.h"
#include "store/store.h"

namespace kiban::runtime {
namespace {

using namespace std::chrono_literals;
using Kind = RegistryPath::Kind;

Timestamp host_now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

TEST(RegistryPaths, AreReadFromTheirEnd) {
  const auto path = [](std::string_view target) {
    return parse_registry_path(target).value_or(RegistryPath{.reference = "none"});
  };
  EXPECT_EQ(path("/v2/"), RegistryPath{});
  EXPECT_EQ(path("/v2/a/b/manifests/v1"),
            (RegistryPath{.kind = Kind::Manifest, .repository = "a/b", .reference = "v1"}));
  EXPECT_EQ(path("/v2/a/blobs/sha256%3Aff"),
            (RegistryPath{.kind = Kind::Blob, .repository = "a", .reference = "sha256:ff"}));
  EXPECT_EQ(
      path("/v2/manifests/blobs/tags/list?n=2"),
      (RegistryPath{.kind = Kind::Tags, .repository = "manifests/blobs", .query = {{"n", "2"}}}));
  EXPECT_EQ(path("/v2/a/blobs/uploads/"), (RegistryPath{.kind = Kind::Uploads, .repository = "a"}));
  EXPECT_EQ(path("/v2/a/blobs/uploads/7?digest=sha256:1&x"),
            (RegistryPath{.kind = Kind::Upload,
                          .repository = "a",
                          .reference = "7",
                          .query = {{"digest", "sha256:1"}, {"x", ""}}}));
}

TEST(RegistryPaths, ThatAreNone) {
  for (const std::string_view target :
       {"", "/", "/v2", "/v2/a", "/v2/manifests/v1", "/v2//manifests/v1", "/v2/a/manifests/",
        "/v2/a/tags", "/v2/blobs/uploads/", "/v2/a/manifests/%zz", "/v2/a/blobs/x?%zz=1"})
    EXPECT_FALSE(parse_registry_path(target)) << target;
}

TEST(ByteRanges, AreCutToTheBytes) {
  const auto range = [](std::string_view header) { return parse_byte_range(header, 100); };
  EXPECT_EQ(range("bytes=0-9"), (ByteRange{.offset = 0, .size = 10}));
  EXPECT_EQ(range("bytes=90-"), (ByteRange{.offset = 90, .size = 10}));
  EXPECT_EQ(range("bytes=90-1000"), (ByteRange{.offset = 90, .size = 10}));
  EXPECT_EQ(range("bytes=-5"), (ByteRange{.offset = 95, .size = 5}));
  EXPECT_EQ(range("bytes=-500"), (ByteRange{.offset = 0, .size = 100}));
  EXPECT_EQ(range("bytes=100-"), std::nullopt);
  EXPECT_EQ(range("bytes=-0"), std::nullopt);
  for (const std::string_view whole : {"", "bytes=-", "bytes=5-1", "bytes=0-1,3-4", "lines=1-2"})
    EXPECT_EQ(range(whole), (ByteRange{.offset = 0, .size = 100})) << whole;
}

class RegistryTest : public testing::Test {
 protected:
  ~RegistryTest() override {
    registry_.reset();
    thread_.stop();
    std::filesystem::remove_all(directory_);
  }
  void serve(RegistryOptions options) {
    options.find_token = [this](kernel::Kernel&, const std::string& password) {
      return password == "known" ? std::optional(token_) : std::nullopt;
    };
    auto uploads = Uploads::open(directory_, *blobs_);
    ASSERT_TRUE(uploads) << uploads.error().cause;
    registry_ = std::make_unique<Registry>(
        thread_, *blobs_, *std::move(uploads), [](const std::function<void()>& work) { work(); },
        std::move(options));
    thread_.begin();
  }
  HttpReply login(std::string_view password) {
    std::promise<HttpReply> answered;
    HttpRequest request{.method = "GET", .target = "/v2/"};
    request.headers.emplace_back("authorization",
                                 "Basic " + api::encode_base64(fmt::format("AWS:{}", password)));
    registry_->handle(std::move(request),
                      [&](const std::function<HttpReply()>& make) { answered.set_value(make()); });
    return answered.get_future().get();
  }

  std::string directory_ = fmt::format("{}/kiban-registry-test-{}",
                                       std::filesystem::temp_directory_path().string(), ::getpid());
  RegistryToken token_{.caller = "arn:aws:iam::000000000000:root", .region = "eu-west-1"};
  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  std::unique_ptr<store::Blobs> blobs_ = store::make_memory_blobs();
  kernel::Kernel kernel_{*store_, {}};
  std::unique_ptr<Clock> clock_ = make_real_clock();
  KernelThread thread_{kernel_, *clock_, [](const Error&) {}};
  std::unique_ptr<Registry> registry_{};
};

TEST_F(RegistryTest, AdmitsAPasswordUntilItExpires) {
  token_.expires = host_now() + 1h;
  serve({});
  EXPECT_EQ(login("known").status, 200);
  EXPECT_EQ(login("known").status, 200);  // From memory.
  EXPECT_EQ(login("other").status, 401);
}

TEST_F(RegistryTest, RefusesAnExpiredPasswordAsAwsDoes) {
  token_.expires = host_now() - 1ms;
  serve({});
  const HttpReply reply = login("known");
  EXPECT_EQ(reply.status, 403);
  EXPECT_THAT(reply.body, testing::HasSubstr("Your authorization token has expired"));
}

TEST_F(RegistryTest, CountsTheHostsTimeWhereTheClockIsVirtual) {
  token_.expires = host_now() - 24h;  // The virtual clock stood still for two days.
  serve({.virtual_clock = true});
  EXPECT_EQ(login("known").status, 200);
}

TEST_F(RegistryTest, AdmitsEveryoneWhereAnyKeyWill) {
  serve({.auth = kernel::Auth::Any});
  EXPECT_EQ(login("other").status, 200);
}

}  // namespace
}  // namespace kiban::runtime

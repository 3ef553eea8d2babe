/* Who may do what over the real server, and what needs nobody's leave. */
#include "apiserver_world.h"

#include "apiserver/kubeconfig.h"

#include <sys/stat.h>

#define VIEWER "Authorization: Bearer viewer-token"
#define DEVICES "Authorization: Bearer device-token"
#define CLUSTERS "Authorization: Bearer cluster-token"
#define ADMINISTRATOR "Authorization: Bearer administrator-token"
#define NOBODY "Authorization: Bearer wrong-token"
#define CLASSES "/apis/espalier.dev/v1alpha1/namespaces/default/deviceclasses"

static void lets_each_persona_do_its_part(void **state)
{
	static const struct {
		const char *who;
		const char *method;
		const char *path;
		guint status;
	} cases[] = {
		{VIEWER, "GET", WORLD_DEVICES, 200},
		{VIEWER, "GET", WORLD_DEVICES "/x", 404},
		{VIEWER, "GET", "/api/v1/events", 200},
		{VIEWER, "GET", "/api/v1/namespaces/default", 200},
		{VIEWER, "GET", WORLD_SECRETS, 403},
		{VIEWER, "GET", WORLD_SECRETS "/s", 403},
		{VIEWER, "DELETE", WORLD_DEVICES "/x", 403},
		{VIEWER, "PATCH", WORLD_DEVICES "/x/status", 403},
		{VIEWER, "DELETE", "/api/v1/namespaces/x", 403},
		{VIEWER, "GET", "/apis", 200},
		{VIEWER, "GET", "/openapi/v3", 200},
		{DEVICES, "DELETE", WORLD_DEVICES "/x", 404},
		{DEVICES, "GET", WORLD_SECRETS "/s", 403},
		{DEVICES, "DELETE", CLASSES "/x", 403},
		{CLUSTERS, "DELETE", CLASSES "/x", 404},
		{CLUSTERS, "GET", WORLD_SECRETS "/s", 404},
		{CLUSTERS, "DELETE", "/api/v1/namespaces/x", 403},
		{ADMINISTRATOR, "DELETE", "/api/v1/namespaces/x", 404},
		{NULL, "DELETE", "/api/v1/namespaces/x", 404},
		{NOBODY, "GET", WORLD_DEVICES, 401},
		{NOBODY, "GET", "/apis", 401},
		{"Authorization: Basic YTpi", "GET", WORLD_DEVICES, 401},
		{NOBODY, "GET", "/readyz", 200},
		{NOBODY, "GET", "/livez", 200},
		{NOBODY, "GET", "/healthz", 200},
		{NOBODY, "GET", "/version", 200},
		{ADMINISTRATOR, "GET", "/nothing", 404},
		{ADMINISTRATOR, "GET", "/apis/nobody.org/v1/things", 404},
		{ADMINISTRATOR, "POST", "/apis", 405},
		{ADMINISTRATOR, "PUT", WORLD_DEVICES, 405},
	};
	World *world = *state;

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(Answer) answer =
			world_ask_with(world, cases[i].method, cases[i].path, NULL, cases[i].who);

		if (answer.status != cases[i].status)
			print_error("%s %s %s: %u\n", cases[i].who, cases[i].method, cases[i].path,
				    answer.status);
		assert_int_equal(answer.status, cases[i].status);
	}
}

static void says_what_is_forbidden_to_whom(void **state)
{
	World *world = *state;
	g_auto(Answer) one = world_ask_with(world, "GET", WORLD_SECRETS "/s", NULL, VIEWER);
	g_auto(Answer) all = world_ask_with(world, "GET", "/api/v1/secrets", NULL, VIEWER);
	g_auto(Answer) nobody = world_ask_with(world, "GET", WORLD_DEVICES, NULL, NOBODY);

	assert_refusal(&one, 403, "Forbidden",
		       "secrets \"s\" is forbidden: User \"espalier-viewer\" cannot get resource "
		       "\"secrets\" in API group \"\" in the namespace \"default\"");
	assert_refusal(&all, 403, "Forbidden",
		       "secrets is forbidden: User \"espalier-viewer\" cannot list resource "
		       "\"secrets\" in API group \"\" at the cluster scope");
	assert_refusal(&nobody, 401, "Unauthorized", "Unauthorized");
}

static void answers_self_reviews(void **state)
{
	World *world = *state;
	g_auto(Answer) can = world_ask_with(
		world, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
		"{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"SelfSubjectAccessReview\","
		"\"spec\":{\"resourceAttributes\":{\"group\":\"espalier.dev\",\"resource\":"
		"\"devices\",\"verb\":\"delete\",\"namespace\":\"default\"}}}",
		DEVICES);
	g_auto(Answer) cannot = world_ask_with(
		world, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
		"{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"SelfSubjectAccessReview\","
		"\"spec\":{\"resourceAttributes\":{\"group\":\"\",\"resource\":\"secrets\","
		"\"verb\":\"get\",\"namespace\":\"default\"}}}",
		DEVICES);
	g_auto(Answer) who = world_ask_with(
		world, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews",
		"{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"SelfSubjectReview\"}",
		CLUSTERS);

	assert_int_equal(can.status, 201);
	assert_true(base_json_get_bool(can.json, FALSE, "status", "allowed", NULL));
	assert_int_equal(cannot.status, 201);
	assert_false(base_json_get_bool(cannot.json, TRUE, "status", "allowed", NULL));
	assert_string_equal(base_json_get_string(who.json, "status", "userInfo", "username", NULL),
			    "espalier-cluster-manager");
}

static void knows_whose_token_it_is(void **state)
{
	static const struct {
		const char *token;
		gboolean known;
		ApiPersona persona;
	} cases[] = {
		{"viewer-token", TRUE, API_PERSONA_VIEWER},
		{"administrator-token", TRUE, API_PERSONA_ADMINISTRATOR},
		{"administrator-toke", FALSE, API_PERSONA_NONE},
		{"administrator-token2", FALSE, API_PERSONA_NONE},
		{"", FALSE, API_PERSONA_NONE},
	};
	World *world = *state;

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		ApiPersona persona = API_PERSONA_NONE;

		assert_int_equal(api_server_authenticate(world->server, cases[i].token, &persona),
				 cases[i].known);
		assert_int_equal(persona, cases[i].persona);
	}
	for (guint i = API_PERSONA_NONE + 1; i < API_PERSONA_COUNT; i++)
		assert_int_equal(api_persona_find(api_persona_name((ApiPersona)i)), i);
	assert_int_equal(api_persona_find("root"), API_PERSONA_NONE);
}

static void writes_a_kubeconfig_that_only_its_owner_reads(void **state)
{
	World *world = *state;
	g_autofree char *path = g_build_filename(world->folder, "kubeconfig", NULL);
	g_autoptr(GBytes) text = NULL;
	ApiKubeconfig config = {.server = "https://127.0.0.1:6443",
				.ca_pem = "PEM",
				.token = "tok\"en",
				.user = "administrator",
				.cluster = "espalier"};
	struct stat file;

	assert_true(api_kubeconfig_write(path, &config, NULL));
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
	text = base_file_read(path, 4096, NULL);
	assert_non_null(g_strstr_len(g_bytes_get_data(text, NULL), (gssize)g_bytes_get_size(text),
				     "server: \"https://127.0.0.1:6443\"\n"
				     "    certificate-authority-data: UEVN\n"));
	assert_non_null(g_strstr_len(g_bytes_get_data(text, NULL), (gssize)g_bytes_get_size(text),
				     "token: \"tok\\\"en\"\n"));
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(lets_each_persona_do_its_part),
		API_TEST(says_what_is_forbidden_to_whom),
		API_TEST(answers_self_reviews),
		API_TEST(knows_whose_token_it_is),
		API_TEST(writes_a_kubeconfig_that_only_its_owner_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

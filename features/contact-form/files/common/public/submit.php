<?php
// Where every form of the site is sent. GET gives a ticket to forms that a script renders; POST
// takes a letter, and answers scripts with JSON and browsers by going back to the page.

require __DIR__ . '/../../private/contact-form/form.php';

header('Cache-Control: no-store');
$now = time();

if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
    header('Content-Type: application/json');
    echo json_encode(['ticket' => contact_form_ticket($now), 'version' => CONTACT_FORM_VERSION]);
    exit;
}

$letter = contact_form_letter($_POST);
$problems = contact_form_problems($letter, $now);
$sent = $problems === [] && contact_form_send($letter);
$status = $sent ? 200 : ($problems === [] ? 500 : 422);

if (str_contains($_SERVER['HTTP_ACCEPT'] ?? '', 'application/json')) {
    http_response_code($status);
    header('Content-Type: application/json');
    echo json_encode(['sent' => $sent, 'problems' => (object) $problems]);
    exit;
}
$back = parse_url($_SERVER['HTTP_REFERER'] ?? '/', PHP_URL_PATH) ?: '/';
header('Location: /' . ltrim($back, '/') . '?contact=' . ($sent ? 'sent' : 'failed'), true, 303);

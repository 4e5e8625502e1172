/** English sentences of the way without a face; keys as in `code.zh.js`. */

/** @type {Object<string, string>} */
export const en = {
  intro: 'No picture is taken this way. It counts as much as a face check and costs no study time.',
  opening: 'Opening, one moment',
  lost: 'The server was not reached; trying again. It costs no study time',
  phone: 'The code goes to your registered phone {phone}',
  phone_sent: 'The code was sent to your registered phone {phone}',
  code: 'Code',
  send: 'Send the code',
  sending: 'Sending',
  resend: 'Send again',
  resend_in: 'Again in {wait} s',
  question: 'A question about the course',
  submit: 'Submit',
  submitting: 'Submitting',
  decline: 'Let a person verify',
  decline_hint: 'If no message arrives, let a person verify and go on studying.',
  code_missing: 'Please enter the code from the message',
  code_first: 'Please get a code first, then enter the digits of the message',
  answer_missing: 'Please choose an answer',
  not_sent: 'The code was not sent. Please try again a little later; it costs no study time',
  not_taken: 'It was not accepted. Please check it and submit again',
  try_again: 'The last try was not accepted. Please try again; it costs no study time',
  code_wrong: 'That was not the code. Look at the newest message and enter it again; it costs no study time',
  code_over: 'The code has expired. Get a new one and enter it; it costs no study time',
  answer_wrong: 'The answer was not right. Please choose again; the same code still counts, and it costs no study time',
  no_phone: 'No phone is registered for you. Let a person verify and go on studying, then ask your training provider '
    + 'to register one.',
  offline: 'The network is unsteady and nothing was submitted. What you entered is still here; press once more. '
    + 'It costs no study time',
  ours: 'The system is busy and nothing was done. What you entered is still here; press once more. '
    + 'It costs no study time',
};
